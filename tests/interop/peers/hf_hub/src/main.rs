//! The crate hf-hub 1.0 as a program: does what it is told, and prints what came of it.

use std::process::ExitCode;

use hf_hub::HFClientSync;
use hf_hub::repository::{AddSource, RepoTypeModel};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
    let client = HFClientSync::new()?;
    Ok(match words {
        ["whoami"] => client.whoami().send()?.username,
        ["download", owner, name, file] => {
            let path = client.model(*owner, *name).download_file().filename(*file).send()?;
            std::fs::read_to_string(path)?
        }
        ["upload", owner, name, file, content] => {
            let source = AddSource::Bytes(content.as_bytes().to_vec());
            let repository = client.model(*owner, *name);
            let made = repository.upload_file().source(source).path_in_repo(*file).send()?;
            format!("{:?}", made.commit_oid)
        }
        ["create", id] => client.create_repository().repo_id(id).repo_type(RepoTypeModel).send()?.url,
        _ => return Err("whoami | download OWNER NAME FILE | upload OWNER NAME FILE CONTENT | create ID".into()),
    })
}
