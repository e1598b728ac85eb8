//! `make bench`: speed, printed as medians.

mod store;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    store::run().await
}
