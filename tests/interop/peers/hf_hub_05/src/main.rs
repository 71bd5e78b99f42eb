//! The crate hf-hub 0.5 as a program: `download ID FILE` and `info ID`, with the token in `HF_TOKEN`.

use std::process::ExitCode;

use hf_hub::api::sync::ApiBuilder;

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
    let token = std::env::var("HF_TOKEN").ok();
    let hub = ApiBuilder::from_env().with_token(token).with_progress(false).build()?;
    Ok(match words {
        ["download", id, file] => {
            std::fs::read_to_string(hub.model((*id).to_owned()).get(file)?)?
        }
        ["info", id] => hub.model((*id).to_owned()).info()?.sha,
        _ => return Err("download ID FILE | info ID".into()),
    })
}
