"""What the interoperability suites stand on: processes, the gate, its peers, a scripted visitor, a report."""
