use std::collections::BTreeMap;
use std::fs;

#[test]
fn the_committed_schemas_are_those_of_the_code() {
    let committed: BTreeMap<String, String> = fs::read_dir("schemas")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    let generated: BTreeMap<String, String> =
        contracts::schema::files().unwrap().into_iter().collect();
    assert_eq!(committed, generated, "run `make generate`");
}
