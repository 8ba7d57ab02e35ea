import Testing

/// All tests against a real server.
@Suite(.enabled(if: LiveServer.isThere, LiveServer.reason), .timeLimit(.minutes(1)))
enum LiveTests {}
