//! The private folders a helm sees, and the kubeconfig it is given.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::HelmError;
use crate::file;

/// Below `state/cache/CLUSTER`: shared by all helms of a cluster, so that its API is discovered once.
#[derive(Debug, Clone)]
pub struct Folders {
    root: PathBuf,
    api: PathBuf,
}

impl Folders {
    /// The folders below `root`; made when first needed.
    pub fn new(root: PathBuf) -> Self {
        let api = root.join("kube");
        Self { root, api }
    }

    /// What is learned of the cluster's API is kept in `folder`. Each helm writes all of it anew, a file for every group,
    /// and so long as they are on a disk a tenth of its time.
    #[must_use]
    pub fn with_api_in(self, folder: PathBuf) -> Self {
        Self {
            api: folder,
            ..self
        }
    }

    /// The whole environment of a helm.
    pub fn environment(&self) -> Vec<(String, OsString)> {
        let below = |name: &str| self.root.join(name).into_os_string();
        vec![
            ("HOME".to_owned(), below("home")),
            ("HELM_CACHE_HOME".to_owned(), below("helm-cache")),
            ("HELM_CONFIG_HOME".to_owned(), below("helm-config")),
            ("HELM_DATA_HOME".to_owned(), below("helm-data")),
            ("KUBECACHEDIR".to_owned(), self.api.clone().into_os_string()),
            ("HELM_DRIVER".to_owned(), "secret".into()),
            ("HELM_NO_PLUGINS".to_owned(), "1".into()),
            ("GOGC".to_owned(), "off".into()),
            ("GOMEMLIMIT".to_owned(), "256MiB".into()),
        ]
    }

    /// An empty working folder: helm looks for charts in the current one first.
    pub(super) fn empty(&self) -> Result<PathBuf, HelmError> {
        for name in ["home", "empty"] {
            private(&self.root.join(name))?;
        }
        Ok(self.root.join("empty"))
    }
}

fn private(path: &Path) -> Result<(), HelmError> {
    file::private_folder(path).map_err(|source| HelmError::Folder {
        path: path.to_owned(),
        source,
    })
}

/// A generated kubeconfig, 0600, that goes with its owner. What a killed process left is swept at the next start.
#[derive(Debug)]
pub struct Kubeconfig(tempfile::TempPath);

impl Kubeconfig {
    /// Where its name begins.
    const PREFIX: &'static str = "kubeconfig-";

    /// Writes `text` into the runtime folder.
    pub fn write(runtime: &Path, text: &str) -> Result<Self, HelmError> {
        let failed = |source| HelmError::Folder {
            path: runtime.to_owned(),
            source,
        };
        private(runtime)?;
        let mut file = tempfile::Builder::new()
            .prefix(Self::PREFIX)
            .make_in(runtime, |path| {
                fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
            })
            .map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        Ok(Self(file.into_temp_path()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes what earlier processes left.
    pub fn sweep(runtime: &Path) -> std::io::Result<()> {
        let entries = match fs::read_dir(runtime) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(Self::PREFIX.as_bytes())
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learned_of_an_api_can_be_elsewhere() {
        let folders = Folders::new("/state/cache/east".into()).with_api_in("/run/east".into());
        let environment = folders.environment();
        let of = |name: &str| environment.iter().find(|(set, _)| set == name).unwrap();
        assert_eq!(of("KUBECACHEDIR").1, "/run/east");
        assert_eq!(of("HOME").1, "/state/cache/east/home");
    }

    #[test]
    fn kubeconfigs_are_private_and_swept() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let kept = Kubeconfig::write(folder.path(), "x").unwrap();
        assert_eq!(
            kept.path().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::mem::forget(kept);
        fs::write(folder.path().join("other"), "").unwrap();
        Kubeconfig::sweep(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
