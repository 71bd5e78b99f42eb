//! A single-sign-on gate for model hubs.
//!
#![doc = include_str!("ARCHITECTURE.md")]

pub mod account;
pub mod body;
pub mod budget;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credential;
pub mod demo;
pub mod device;
pub mod directory;
pub mod error;
pub mod fields;
pub mod forward_auth;
pub mod gate;
pub mod headers;
pub mod http_client;
pub mod hub;
pub mod jose;
pub mod links;
pub mod login;
pub mod logout;
pub mod message;
pub mod observe;
pub mod oidc;
pub mod peer;
pub mod policy;
pub mod proxy;
pub mod recovery;
pub mod respond;
pub mod saml;
pub mod serve;
pub mod server;
pub mod service_provider;
pub mod session;
