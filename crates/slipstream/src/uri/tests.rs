use proptest::prelude::*;

use super::*;

fn network(text: &str) -> NetworkUri {
    match text.parse::<Input>().unwrap() {
        Input::Rtsp(uri) | Input::Http(uri) => uri,
        other => panic!("{other:?} is not on the network"),
    }
}

#[test]
fn kinds_are_told_apart() {
    assert!(matches!("rtsp://h/x".parse(), Ok(Input::Rtsp(_))));
    assert!(matches!("RTSPS://h/x".parse(), Ok(Input::Rtsp(_))));
    assert!(matches!("https://h/x.mp4".parse(), Ok(Input::Http(_))));
    assert_eq!("/dev/video0".parse(), Ok(Input::Device("/dev/video0".into())));
    assert_eq!("clips/a b.mp4".parse(), Ok(Input::File("clips/a b.mp4".into())));
    assert_eq!("file:///tmp/a%20b.mp4".parse(), Ok(Input::File("/tmp/a b.mp4".into())));
    assert_eq!("file:///dev/video2".parse(), Ok(Input::Device("/dev/video2".into())));
    assert_eq!("  ".parse::<Input>(), Err(UriError::Empty));
    assert!(matches!("ftp://h/x".parse::<Input>(), Err(UriError::Scheme { scheme, .. }) if scheme == "ftp"));
    assert!(matches!("rtsp:///x".parse::<Input>(), Err(UriError::Host { .. })));
    assert!(
        matches!("rtsp://u:p@h:99999/x".parse::<Input>(), Err(UriError::Port { port, .. }) if port == "99999")
    );
    assert!(matches!("file://host/x".parse::<Input>(), Err(UriError::File { .. })));
}

#[test]
fn credentials_are_taken_out_and_decoded() {
    for (given, user, password, location) in [
        ("rtsp://u:p@h/x", "u", "p", "rtsp://h/x"),
        ("rtsp://u:p%40%3A%2Fq@h:554/x?y=1", "u", "p@:/q", "rtsp://h:554/x?y=1"),
        ("rtsp://u:p@ss@h/x", "u", "p@ss", "rtsp://h/x"),
        ("rtsp://u:pa#ss@h/x", "u", "pa#ss", "rtsp://h/x"),
        ("rtsp://u:pa/s?s@h:1/x", "u", "pa/s?s", "rtsp://h:1/x"),
        ("rtsp://u:50%@h", "u", "50%", "rtsp://h"),
        ("rtsp://u:a,b@[::1]:8554/x", "u", "a,b", "rtsp://[::1]:8554/x"),
        ("rtsp://u@h/x", "u", "", "rtsp://h/x"),
    ] {
        let uri = network(given);
        let expected = Credentials { user: user.into(), password: password.into() };
        assert_eq!(uri.credentials(), Some(&expected), "{given}");
        assert_eq!(uri.location(), location, "{given}");
    }
    let uri = network("rtsp://[fe80::1]/x@y");
    assert_eq!((uri.credentials(), uri.host(), uri.port()), (None, "fe80::1", 554));
    assert_eq!(network("rtsp://h:8554/x@y").location(), "rtsp://h:8554/x@y");
}

#[test]
fn display_names() {
    let name = |text: &str, number| text.parse::<Input>().unwrap().name(number);
    assert_eq!(name("rtsp://u:p@192.168.1.20:554/x", 3), "camera 3 (192.168.1.20)");
    assert_eq!(name("/videos/gate.north.mp4", 1), "gate.north");
    assert_eq!(name("/dev/video0", 2), "camera 2 (video0)");
}

#[test]
fn lists_split_where_an_input_begins() {
    let list = |text: &str| {
        let InputList(inputs) = text.parse().unwrap();
        inputs.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(list("rtsp://a/1, rtsp://b/2"), ["rtsp://a/1", "rtsp://b/2"]);
    assert_eq!(
        list("rtsp://u:p,w@a/1,rtsp://b/2?x=1,2,/v/c.mp4"),
        ["rtsp://***@a/1", "rtsp://b/2?x=1,2", "/v/c.mp4"]
    );
    assert_eq!(list("a.mp4,b.mp4,"), ["a.mp4", "b.mp4"]);
    assert_eq!(list(""), [""; 0]);
    assert!("rtsp://a/1,gopher://b".parse::<InputList>().is_err());
}

#[test]
fn secrets_are_hidden_wherever_they_stand() {
    for (given, expected) in [
        ("cannot open rtsp://me:hush@10.0.0.1/s (refused)", "cannot open rtsp://***@10.0.0.1/s (refused)"),
        ("rtsp://h/s?user=me&password=hush&x=1", "rtsp://h/s?user=***&password=***&x=1"),
        ("rtsp://h/user=me_password=hush_channel=1.sdp", "rtsp://h/user=***_password=***_channel=1.sdp"),
        ("http://h/?token=hush", "http://h/?token=***"),
        ("rtsp:/me:hush@h/s", "rtsp:/***@h/s"),
        ("a,rtsp://me:hush@h/s,rtsp://me:hush@g/s", "a,rtsp://***@h/s,rtsp://***@g/s"),
        ("user-id=me user-pw=\"hush hush\" x=2", "user-id=*** user-pw=*** x=2"),
        ("Authorization: Basic aHVzaA==\r\nCSeq: 2", "Authorization: ***\r\nCSeq: 2"),
        ("nothing=secret here: a@b", "nothing=secret here: a@b"),
        ("RTSPINPUT=rtsp://a:b@c", "RTSPINPUT=rtsp://***@c"),
    ] {
        assert_eq!(redact(given), expected);
    }
}

proptest! {
    #[test]
    fn any_credentials_survive_percent_encoding(user in "\\PC{1,12}", password in "\\PC{0,12}") {
        let encode = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
        let uri = network(&format!("rtsp://{}:{}@host:8554/path", encode(&user), encode(&password)));
        prop_assert_eq!(uri.credentials(), Some(&Credentials { user, password }));
        prop_assert_eq!(uri.location(), "rtsp://host:8554/path");
    }

    #[test]
    fn no_password_is_ever_shown(password in "[A-Z0-9!$%&()*+,;:@=._~#?^-]{6,20}", tail in "[a-z/]{0,8}") {
        let text = format!("rtsp://visitor:{password}@camera/{tail}");
        let shown = match text.parse::<Input>() {
            Ok(input) => format!("{input} {input:?} {}", input.name(1)),
            Err(error) => format!("{error} {error:?}"),
        };
        for shown in [shown, redact(&text), redact(&format!("at \"{text}\": no"))] {
            prop_assert!(!shown.contains(&password), "{}", shown);
            prop_assert!(!shown.contains("visitor"), "{}", shown);
        }
    }

    #[test]
    fn nothing_panics(text in "\\PC*", list in "(rtsp://|[a-z,:@/?#=%_\\[\\] ]){0,24}") {
        for text in [&text, &list] {
            let _ = text.parse::<Input>();
            let _ = text.parse::<InputList>();
            let once = redact(text);
            prop_assert_eq!(redact(&once), once.clone());
        }
    }
}
