//! The tutorial is true.

use std::process::Command;

use crate::shop::harness;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_of_the_readme_runs_to_its_end_twice() {
    let harness = harness().argument("--demo");
    let (_process, run) = harness.start().await.unwrap();
    let script = "../../examples/journey.sh";
    let gateway = format!("http://{}", run.address("gateway").unwrap());
    for walk in 1..=2 {
        let (gateway, data) = (gateway.clone(), harness.data().to_owned());
        let walked = move || {
            Command::new(script)
                .env("SHOP_URL", gateway)
                .env("SHOP_DATA", data)
                .output()
        };
        let output = tokio::task::spawn_blocking(walked).await.unwrap().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && told.contains("journey complete"),
            "walk {walk}: {told}\n{}\n{}",
            String::from_utf8_lossy(&output.stderr),
            harness.log()
        );
    }
}
