import Testing

@testable import CeleryIO

@Suite struct ServerURLTests {
    @Test func aFullAddressIsTakenApart() throws {
        let url = try ServerURL("Redis://user:pass@example.com:6380/5?a=1&b=two%20words&c&a=3")
        #expect(url.scheme == "redis")
        #expect(url.user == "user")
        #expect(url.password == "pass")
        #expect(url.host == "example.com")
        #expect(url.port == 6380)
        #expect(url.path == "5")
        #expect(url.options == ["a": "3", "b": "two words", "c": ""])
    }

    @Test func whatIsMissingIsNilOrEmpty() throws {
        let url = try ServerURL("amqp://")
        #expect(url.user == nil)
        #expect(url.password == nil)
        #expect(url.host.isEmpty)
        #expect(url.port == nil)
        #expect(url.path.isEmpty)
        #expect(url.options.isEmpty)
    }

    @Test(
        arguments: [
            ("redis://:secret@host", nil, "secret"), ("redis://user@host", "user", nil),
            ("redis://user:@host", "user", nil),
            ("redis://:@host", nil, nil), ("redis://@host", nil, nil), ("redis://:100%@host", nil, "100%"),
            ("redis://:%zz+@host", nil, "%zz+"), ("redis://u%40x:p%3A%2F%40%25@host", "u@x", "p:/@%"),
            ("redis://user:a@b@host", "user", "a@b"), ("redis://user:a:b@host", "user", "a:b"),
            ("redis://%C3%A9:%e2%82%ac@host", "é", "€"),
        ] as [(String, String?, String?)])
    func credentialsAreDecoded(text: String, user: String?, password: String?) throws {
        let url = try ServerURL(text)
        #expect(url.user == user)
        #expect(url.password == password)
        #expect(url.host == "host")
    }

    @Test(
        arguments: [
            ("redis://[::1]:6379/0", "::1", 6379), ("redis://[FE80::1%25Eth0]", "fe80::1%Eth0", nil),
            ("redis://127.0.0.1", "127.0.0.1", nil), ("redis://host:", "host", nil), ("redis://:6379", "", 6379),
            ("redis://user:p@[::1]:1/", "::1", 1),
        ] as [(String, String, Int?)])
    func hostsAndPortsAreRead(text: String, host: String, port: Int?) throws {
        let url = try ServerURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
    }

    @Test(arguments: [
        " redis://u:p@host/1?a=b", "redis://u:p@host/1?a=b\n", "\t redis://u:p@host/1?a=b \r\n",
        "redis://u:\np@ho\tst/1?a=b",
    ])
    func spaceAroundAndLineBreaksWithinDoNotCount(text: String) throws {
        #expect(try ServerURL(text) == ServerURL("redis://u:p@host/1?a=b"))
    }

    @Test func aPlusIsASpaceInOptionsOnly() throws {
        let url = try ServerURL("amqp://a+b:c+d@host/e+f?g+h=i+j%2B&k=l=m&&n")
        #expect(url.user == "a+b")
        #expect(url.password == "c+d")
        #expect(url.path == "e+f")
        #expect(url.options == ["g h": "i j+", "k": "l=m", "n": ""])
    }

    @Test(arguments: [
        ("amqp://h//", "/"), ("amqp://h/", ""), ("amqp://h/a%2Fb", "a/b"),
        ("redis+socket:///tmp/r.sock?virtual_host=5", "tmp/r.sock"),
    ])
    func thePathIsWhatFollowsTheHostsSlash(text: String, path: String) throws {
        #expect(try ServerURL(text).path == path)
    }

    static let wrong = [
        "", "localhost", "redis:/host", "redis://host:0", "redis://host:65536", "redis://host:-1", "redis://host:port",
        "redis://host:99999999999999999999", "redis://[::1", "redis://[::1]6379", "://host", "re dis://host",
        "redis://::1", "redis://ho st", "redis://ho%0Ast", "redis://ho%00st", "redis://host/1#f", "redis://host#f",
        "redis://host/a@b", "redis://host?a=b@c",
    ]

    @Test(arguments: wrong)
    func anAddressThatMakesNoSenseIsAnError(text: String) {
        let error = #expect(throws: IOError.self) { try ServerURL(text) }
        #expect(error?.code == .invalidURL)
    }

    @Test(arguments: [
        "redis://user:hunter2@host:port/0", "redis://user:hunter2@[::1/0", "redis://:hunter2/b@host/0",
        "redis://:12/hunter2@host/0", "redis://:12?hunter2@host/0", "redis://:12#hunter2@host/0",
        "redis://:a@hunter2/b@h",
        "redis://:a@hunter2:b/c@h", "redis://:a?hunter2=b@h",
        "redis://:hunter2@host:70000", "user:hunter2@host", "redis:hunter2@host://x:y",
    ])
    func anErrorNeverHoldsThePassword(text: String) {
        let error = #expect(throws: IOError.self) { try ServerURL(text) }
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test(arguments: [
        ("redis://user:hunter2@host:6379/5?password=hunter2", "redis://user:**@host:6379/5"),
        ("amqp://a%0Ab:hunter2@h/c%1B%E2%80%AEd/e", "amqp://a%0Ab:**@h/c%1B%E2%80%AEd/e"),
        ("redis://:hunter2@[::1]/", "redis://:**@[::1]"), ("redis://user@host", "redis://user:**@host"),
        ("amqp://host//", "amqp://host//"), ("redis://host", "redis://host"),
    ])
    func theDescriptionLeavesThePasswordOut(text: String, description: String) throws {
        #expect(try "\(ServerURL(text))" == description)
    }
}
