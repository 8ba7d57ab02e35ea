import Testing

@testable import CeleryIO

@Suite struct RedactionTests {
    @Test(arguments: [
        ("hunter2", "ERR unknown command 'AUTH', with args beginning with: 'hunter2' ", "'**'"),
        ("hunter2", "hunter2hunter2", "****"), ("p@ss/w%rd", "redis://:p%40ss%2Fw%25rd@h", ":**@h"),
        ("p@ss/w%rd", "redis://:p%40ss%2fw%25rd@h", ":**@h"), ("p@ss/w%rd", "redis://:p%40ss/w%25rd@h", ":**@h"),
        ("two\nlines", "args: 'two lines'", "'**'"), ("a", "a b", "** b"), ("é€", "x é€ y", "x ** y"),
        // Redis shows 128 bytes.
        ("a long password that is cut", "'a long passw' ", "'**'"),
    ])
    func aSecretIsTakenOutOfAText(secret: String, text: String, expected: String) {
        let redacted = Redaction([secret, nil, ""])(text)
        #expect(redacted.contains(expected), "\(redacted)")
        #expect(!redacted.contains(secret))
    }

    @Test func whatIsNoSecretStays() {
        let text = "WRONGPASS invalid username-password pair or user is disabled."
        #expect(Redaction(["hunter2"])(text) == text)
        #expect(Redaction([])(text) == text)
        // A few letters in common are none.
        #expect(Redaction(["passage", "username1"])("a password of a username-") == "a password of a username-")
    }
}
