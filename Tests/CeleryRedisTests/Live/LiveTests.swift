import Testing

/// All tests against a real server run one after the other: they look at what the whole server does.
@Suite(.enabled(if: LiveRedis.isThere, LiveRedis.reason), .serialized, .timeLimit(.minutes(1)))
enum LiveTests {}
