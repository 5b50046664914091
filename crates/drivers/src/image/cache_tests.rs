use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::super::recipe::CBuild;
use super::*;

fn recipe(name: &str, files: &[&str], sources: Vec<Source>) -> Recipe {
    Recipe {
        name: name.to_owned(),
        version: "1.2.3".to_owned(),
        about: name.to_owned(),
        size: "1 MB".to_owned(),
        build_time: "1 s".to_owned(),
        files: files.iter().map(|f| (*f).to_owned()).collect(),
        sources,
    }
}

fn pause() -> Source {
    Source::C(CBuild {
        file: "pause/pause.c".to_owned(),
        output: "pause".to_owned(),
    })
}

fn how<'a>(offline: Option<&'a Path>, doing: &'a (dyn Fn(&str) + Sync)) -> Fetching<'a> {
    Fetching {
        offline,
        arch: Arch::Amd64,
        doing,
        stop: &|| false,
    }
}

/// An offline folder that holds the recipe's program with a second name.
fn offline_folder(folder: &Path, recipe: &Recipe) {
    let place = folder.join(format!("{}-{}-amd64", recipe.name, recipe.version));
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("both"), "program").unwrap();
    std::os::unix::fs::symlink("both", place.join("one")).unwrap();
    std::os::unix::fs::symlink("both", place.join("two")).unwrap();
}

#[test]
fn takes_the_offline_folder_first_and_keeps_one_file_with_two_names_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe("tool", &["one", "two"], vec![pause()]);
    offline_folder(&folder.path().join("offline"), &recipe);
    let cache = Cache::new(&folder.path().join("cache"));
    let offline = folder.path().join("offline");
    let stored = cache
        .obtain(&recipe, &how(Some(&offline), &|_| {}))
        .unwrap();
    assert_eq!(stored.record.source, "offline folder");
    assert_eq!(
        fs::read_link(stored.folder.join("two")).unwrap(),
        Path::new("both")
    );
    assert_eq!(fs::read(stored.folder.join("one")).unwrap(), b"program");
    let names: Vec<&String> = stored.record.sha256.keys().collect();
    assert_eq!(names, ["both"], "links have no digest of their own");
}

#[test]
fn a_copy_of_another_machines_cache_is_an_offline_folder() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe("tool", &["one", "two"], vec![]);
    let offline = folder.path().join("offline");
    offline_folder(&offline, &recipe);
    let first = Cache::new(&folder.path().join("first"));
    let made = first
        .obtain(&recipe, &how(Some(&offline), &|_| {}))
        .unwrap();
    let copy = folder.path().join("first/artifacts");
    let second = Cache::new(&folder.path().join("second"));
    let stored = second.obtain(&recipe, &how(Some(&copy), &|_| {})).unwrap();
    assert_eq!(stored.record, made.record);

    // Programs for other processors are not taken.
    let mut arm = how(Some(&copy), &|_| {});
    arm.arch = Arch::Arm64;
    assert!(second.obtain(&recipe, &arm).is_err());
}

#[test]
fn a_publisher_that_cannot_be_reached_is_followed_by_the_next_source() {
    // Nothing listens on that port.
    let unreachable = Source::Release(vec![super::super::recipe::ReleaseFile {
        url: "http://127.0.0.1:1/pause".to_owned(),
        checksum: "http://127.0.0.1:1/pause.sha256".to_owned(),
        file: Some("pause".to_owned()),
        extract: BTreeMap::new(),
    }]);
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe("pause", &["pause"], vec![unreachable, pause()]);
    let cache = Cache::new(folder.path());
    let Ok(stored) = cache.obtain(&recipe, &how(None, &|_| {})) else {
        // Contained builds need root; the fall-through itself is told by the error then.
        assert!(!nix::unistd::geteuid().is_root());
        return;
    };
    assert_eq!(stored.record.source, "built with the system's C compiler");
}

#[test]
fn every_source_is_named_with_its_reason_when_none_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe("tool", &["one"], vec![]);
    let offline = folder.path().join("nothing");
    let error = Cache::new(folder.path())
        .obtain(&recipe, &how(Some(&offline), &|_| {}))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("tool 1.2.3") && error.contains("nothing does not hold it"),
        "{error}"
    );
}

#[test]
fn many_at_once_make_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe("tool", &["one", "two"], vec![]);
    let offline = folder.path().join("offline");
    offline_folder(&offline, &recipe);
    let made = AtomicU32::new(0);
    let cache = Cache::new(&folder.path().join("cache"));
    let inodes = Mutex::new(std::collections::BTreeSet::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let stored = cache
                    .obtain(&recipe, &how(Some(&offline), &|_| {}))
                    .unwrap();
                let data = fs::metadata(stored.folder.join("both")).unwrap();
                let inode = std::os::unix::fs::MetadataExt::ino(&data);
                if inodes.lock().unwrap().insert(inode) {
                    made.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(
        made.load(Ordering::SeqCst),
        1,
        "each making has other files"
    );
}

#[test]
fn waiting_for_another_process_is_told_and_can_be_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("tool-1.2.3");
    let told = Mutex::new(Vec::new());
    let doing = |text: &str| told.lock().unwrap().push(text.to_owned());
    let waiting = Fetching {
        offline: None,
        arch: Arch::Amd64,
        doing: &doing,
        stop: &|| !told.lock().unwrap().is_empty(),
    };
    let turn = take_turn(&made, &waiting).unwrap();
    assert!(matches!(
        take_turn(&made, &waiting),
        Err(ImageError::Interrupted)
    ));
    assert!(told.lock().unwrap()[0].contains("another steading"));
    drop(turn);
    take_turn(&made, &waiting).unwrap();
}

#[test]
fn half_made_things_of_the_dead_are_swept_and_those_of_the_living_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (dead, living) = (folder.path().join("a-1.2"), folder.path().join("b-1.2"));
    for path in [&dead, &living] {
        fs::create_dir_all(beside(path, "new").join("half")).unwrap();
    }
    let _turn = take_turn(&living, &how(None, &|_| {})).unwrap();
    sweep(folder.path()).unwrap();
    assert!(!beside(&dead, "new").exists());
    assert!(beside(&living, "new").exists());
}

#[test]
fn too_little_room_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut recipe = recipe("tool", &["one"], vec![pause()]);
    recipe.size = "9000000000 MB".to_owned();
    let error = Cache::new(folder.path())
        .obtain(&recipe, &how(None, &|_| {}))
        .unwrap_err();
    assert!(matches!(error, ImageError::Space { .. }), "{error}");
    assert!(error.advice().unwrap().contains("make space"));
}
