//! hubgate: arguments in, exit code out.

fn main() -> std::process::ExitCode {
    hubgate::cli::main(std::env::args_os())
}
