//! Where folders are that nobody named.

use std::path::PathBuf;

/// The state folder: what systemd made, what a package made, or the user's own.
pub(super) fn state(environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| folder(environment, name);
    if let Some(folder) = set("STATE_DIRECTORY") {
        return Some(folder);
    }
    let system = PathBuf::from("/var/lib/natsx-sync");
    if system.exists() {
        return Some(system);
    }
    set("XDG_STATE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .map(|folder| folder.join("natsx-sync"))
}

/// For what need not outlive a start, in memory: systemd makes the first for a unit with `RuntimeDirectory=`, and the second
/// for a person who is logged in.
pub(super) fn runtime(environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let of_person = || folder(environment, "XDG_RUNTIME_DIR").map(|at| at.join("natsx-sync"));
    folder(environment, "RUNTIME_DIRECTORY").or_else(of_person)
}

fn folder(environment: &dyn Fn(&str) -> Option<String>, variable: &str) -> Option<PathBuf> {
    environment(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(&["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"], Some("/RUNTIME_DIRECTORY"))]
    #[case(&["XDG_RUNTIME_DIR"], Some("/XDG_RUNTIME_DIR/natsx-sync"))]
    #[case(&[], None)]
    fn a_unit_has_a_folder_in_memory_and_so_has_a_person(
        #[case] set: &[&str],
        #[case] folder: Option<&str>,
    ) {
        let environment = |name: &str| set.contains(&name).then(|| format!("/{name}"));
        assert_eq!(runtime(&environment), folder.map(PathBuf::from));
    }
}
