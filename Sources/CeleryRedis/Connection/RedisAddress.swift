internal import CeleryIO
internal import CeleryTransport

/// Where a Redis server is and who connects to it, read from the URL that Celery's settings hold.
struct RedisAddress: Sendable {
    /// Whose address it is. In Celery kombu reads the one and the backend itself the other, with redis-py's options.
    enum Role: Sendable {
        case broker, backend
    }

    let endpoint: Endpoint
    let database: Int
    /// With a user there is a password, if only an empty one: Redis knows users without a password.
    let user: String?
    let password: String?
    /// How long connecting may take (`socket_connect_timeout`, `connect_timeout`).
    let connectTimeout: Duration
    /// How long an answer may take before the connection counts as lost (`socket_timeout`).
    let replyTimeout: Duration
    /// How often its thread looks after a connection, however idle; one that only listens is checked by a PING
    /// (`health_check_interval`).
    let healthCheckInterval: Duration
    /// How long the last answers are waited for when a connection or a consumer is closed.
    var goodbyeTimeout = Duration.seconds(3)
    /// What `CLIENT LIST` shows (`client_name`); `nil` for what the connection is for.
    let clientName: String?
    /// The options that are left: of a broker, those of kombu's transport.
    let options: AddressOptions
    /// The address for people, without password and options.
    let description: String

    /// Takes the password out of what the server says: it repeats the arguments of a command that it does not know, and
    /// AUTH may be renamed.
    var redaction: Redaction { Redaction([password]) }

    /// Reads `redis://[user[:password]@]host[:port][/database]` or `redis+socket:///path?virtual_host=database`.
    ///
    /// - Parameters:
    ///   - role: what the server is for; some options are known for one of the roles only.
    ///   - transportOptions: those of `broker_transport_options`; they count more than those of the address.
    init(
        _ text: String, role: Role = .broker, transportOptions: [String: String] = [:]
    ) throws(TransportError) {
        var url: ServerURL
        do {
            url = try ServerURL(text)
        } catch {
            throw TransportError(.invalidConfiguration, "\(error)", underlyingError: error)
        }
        try Self.check(url, text, role)
        let isSocket = url.scheme != "redis"
        if let name = transportOptions.keys.filter(Self.namesOfTheAddress.contains).min() {
            throw TransportError(.invalidConfiguration, "\(name) belongs into the address, it is no transport option")
        }
        var options = AddressOptions(url.options.merging(transportOptions) { $1 }, of: url.description)
        if isSocket {
            url.path = "/" + url.path
            // Python ignores these for a broker.
            if role == .broker {
                for name in ["db", "username", "password"] where options.take(name) != nil {
                    throw options.refusal(
                        name,
                        "is ignored by Python for a broker on a socket: use virtual_host, and user:password@ before "
                            + "the path")
                }
            }
            database = try Self.database(options.take("db") ?? options.take("virtual_host") ?? "")
            // Of both, the first counts.
            _ = options.take("virtual_host")
            endpoint = .unixSocket(path: url.path)
        } else {
            database = try Self.database(options.take("db") ?? url.path)
            url.host = options.take("host") ?? (url.host.isEmpty ? "localhost" : url.host)
            if let port = options.take("port") {
                guard let number = Int(port), (1...65535).contains(number) else {
                    throw options.refusal("port", "must be a number from 1 to 65535")
                }
                url.port = number
            }
            endpoint = .tcp(host: url.host, port: url.port ?? 6379)
        }
        url.user = options.take("username") ?? url.user
        url.password = options.take("password") ?? url.password
        user = url.user
        // As redis-py does it.
        password = url.password ?? (url.user == nil ? nil : "")
        let connectTimeout = try options.takeDuration("connect_timeout")
        self.connectTimeout = try options.takeDuration("socket_connect_timeout") ?? connectTimeout ?? .seconds(10)
        replyTimeout = try options.takeDuration("socket_timeout") ?? .seconds(20)
        healthCheckInterval = try options.takeDuration("health_check_interval") ?? .seconds(25)
        clientName = options.take("client_name")
        try Self.takeWhatIsSo(&options)
        if role == .backend { try options.refuseRest(known: Self.known, of: .redisBackend) }
        self.options = options
        description = Self.describe(url, database: database, isSocket: isSocket)
    }

    private static func check(_ url: ServerURL, _ text: String, _ role: Role) throws(TransportError) {
        switch url.scheme {
        case "redis" where role == .broker && text.split(separator: ";").count { $0.contains("://") } > 1:
            throw TransportError(
                .unsupported, "a list of Redis servers, separated by semicolons, is not supported yet")
        case "redis": break
        case "redis+socket", "socket":
            guard url.host.isEmpty, url.port == nil else {
                throw TransportError(
                    .invalidConfiguration,
                    "the address of a socket has no host: it begins with \(url.scheme):///, with three slashes")
            }
            guard !url.path.isEmpty else {
                throw TransportError(.invalidConfiguration, "a \(url.scheme):// URL names no socket")
            }
        case "unix":
            throw TransportError(
                .invalidConfiguration, "unix:// is redis-py's own; in Celery it is redis+socket:///path")
        case "rediss", "rediss+socket", "sentinel":
            throw TransportError(.unsupported, "\(url.scheme):// is not supported yet; use redis:// or redis+socket://")
        default:
            throw TransportError(
                .invalidConfiguration, "\(url.scheme):// is not a Redis address; it starts with redis://")
        }
    }

    private static func database(_ text: String) throws(TransportError) -> Int {
        // Celery takes slashes away on both ends.
        let digits = text.drop { $0 == "/" }.reversed().drop { $0 == "/" }.reversed()
        if digits.isEmpty { return 0 }
        guard let number = Int(String(digits)), number >= 0 else {
            // The path is not named: a password with a slash in it may have ended up there.
            throw TransportError(
                .invalidConfiguration, "the database of a Redis address must be a whole number, 0 or greater")
        }
        return number
    }

    private static func describe(_ url: ServerURL, database: Int, isSocket: Bool) -> String {
        var shown = url
        if isSocket {
            shown.path = String(url.path.drop { $0 == "/" })
            return shown.description + (database == 0 ? "" : "?virtual_host=\(database)")
        }
        shown.path = database == 0 && url.path.isEmpty ? "" : String(database)
        return shown.description
    }

    /// What a transport option cannot say.
    private static let namesOfTheAddress: Set = ["db", "virtual_host", "username", "password", "host", "port", "path"]
}
