//! libgit2, set up once so that nothing outside the repository itself steers it.

use std::path::Path;
use std::sync::OnceLock;

use git2::{ConfigLevel, Repository, RepositoryOpenFlags};

use super::error::SourceError;

static SET_UP: OnceLock<Result<(), String>> = OnceLock::new();

/// Sets libgit2 up; the first call does it, later ones repeat its outcome.
fn set_up() -> Result<(), git2::Error> {
    SET_UP
        .get_or_init(|| configure().map_err(|error| error.message().to_owned()))
        .clone()
        .map_err(|text| git2::Error::from_str(&text))
}

fn configure() -> Result<(), git2::Error> {
    for level in [
        ConfigLevel::ProgramData,
        ConfigLevel::System,
        ConfigLevel::XDG,
        ConfigLevel::Global,
    ] {
        search_nowhere(level)?;
    }
    trust_every_owner()?;
    survive_a_loss_of_power()
}

#[expect(
    unsafe_code,
    reason = "a global of libgit2, set once under a lock before its first use here"
)]
fn search_nowhere(level: ConfigLevel) -> Result<(), git2::Error> {
    // SAFETY: only called from `SET_UP`, which lets one thread in and comes before every repository.
    unsafe { git2::opts::set_search_path(level, "") }
}

#[expect(
    unsafe_code,
    reason = "a global of libgit2; the owner does not matter where nothing of a repository is ever run"
)]
fn trust_every_owner() -> Result<(), git2::Error> {
    // SAFETY: only called from `SET_UP`, which lets one thread in and comes before every repository.
    unsafe { git2::opts::set_verify_owner_validation(false) }
}

/// What is followed is written down for good: a reference that a loss of power cut off would stop every pass.
#[expect(unsafe_code, reason = "a global of libgit2 that git2 has no name for")]
fn survive_a_loss_of_power() -> Result<(), git2::Error> {
    let option = libgit2_sys::GIT_OPT_ENABLE_FSYNC_GITDIR.cast_signed();
    // SAFETY: libgit2 is initialised by the options set before; this one takes an int and is read only when files are written.
    let set = unsafe { libgit2_sys::git_libgit2_opts(option, 1 as std::ffi::c_int) };
    if set < 0 {
        return Err(git2::Error::from_str(
            "it cannot be told to sync what it writes",
        ));
    }
    Ok(())
}

/// Opens the work tree `path` lies in, or the bare repository it is; none where it is neither. A work tree comes first: a
/// bare repository within one is a few files that anybody can commit, and would be read in place of the true one (as
/// `safe.bareRepository=explicit` of git).
pub(super) fn open_around(path: &Path) -> Result<Option<Repository>, git2::Error> {
    set_up()?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let tree = path.ancestors().find(|folder| folder.join(".git").exists());
    let (at, flags) = match tree {
        Some(tree) => (tree, RepositoryOpenFlags::NO_SEARCH),
        None => (
            &*path,
            RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT,
        ),
    };
    match Repository::open_ext(at, flags, [] as [&str; 0]) {
        Ok(repository) => Ok(Some(repository)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens exactly the repository whose git folder is `path`.
pub(super) fn open_exactly(path: &Path) -> Result<Repository, git2::Error> {
    set_up()?;
    Repository::open_ext(
        path,
        RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT,
        [] as [&str; 0],
    )
}

/// Makes a bare repository.
pub(super) fn init_bare(path: &Path) -> Result<Repository, git2::Error> {
    set_up()?;
    Repository::init_bare(path)
}

/// Turns libgit2's errors into ours.
pub(super) fn failed<'a>(
    repository: &'a str,
    doing: &'a str,
) -> impl Fn(git2::Error) -> SourceError + 'a {
    move |source| SourceError::Git {
        repository: repository.to_owned(),
        doing: doing.to_owned(),
        source,
    }
}
