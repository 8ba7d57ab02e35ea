import Celery
import Testing

@Suite struct NodeNameTests {
    @Test func aPatternIsExpandedAsCeleryExpandsIt() {
        let host = NodeName.host
        let short = host.split(separator: ".").first ?? ""
        let cases = [
            ("celery@%h", "celery@\(host)"), ("w1", "celery@w1"), ("w1@", "w1@\(host)"), ("@h", "celery@h"),
            ("", "celery@\(host)"), ("w1@%h", "w1@\(host)"), ("w1@%n", "w1@\(short)"), ("%n", "celery@\(short)"),
            ("%h", "celery@\(host)"), ("%i%I@x", "0@x"), ("50%@x", "50%@x"), ("%%@x", "%@x"), ("a@b@c", "a@b@c"),
            ("a@b%", "a@b%"), ("a@b%%h", "a@b%h"),
        ]
        for (pattern, name) in cases { #expect(NodeName.expand(pattern) == name, "\(pattern)") }
    }
}
