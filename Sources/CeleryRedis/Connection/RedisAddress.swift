internal import CeleryIO
internal import CeleryTransport

/// Where a Redis server is and who connects to it, read from the URL that Celery's settings hold.
struct RedisAddress: Sendable {
    enum Endpoint: Sendable {
        case tcp(host: String, port: Int)
        case unixSocket(path: String)
    }

    let endpoint: Endpoint
    let database: Int
    let user: String?
    let password: String?
    let options: [String: String]
    /// The address for people, without the password.
    let description: String

    /// Reads `redis://[user[:password]@]host[:port][/database]` or `redis+socket:///path?virtual_host=database`.
    init(_ text: String) throws(TransportError) {
        let url: ServerURL
        do {
            url = try ServerURL(text)
        } catch {
            throw TransportError(.invalidConfiguration, "\(error)", underlyingError: error)
        }
        user = url.user
        password = url.password
        options = url.options
        description = url.description
        switch url.scheme {
        case "redis":
            let host = url.host.isEmpty ? "localhost" : url.host
            endpoint = .tcp(host: host, port: url.port ?? 6379)
            database = try Self.database(url.path)
        case "redis+socket", "socket":
            endpoint = .unixSocket(path: "/" + url.path)
            database = try Self.database(url.options["virtual_host"] ?? "")
        case "rediss", "sentinel":
            throw TransportError(.unsupported, "\(url.scheme):// is not supported yet; use redis:// or redis+socket://")
        default:
            throw TransportError(
                .invalidConfiguration, "\(url.scheme):// is not a Redis address; it starts with redis://")
        }
    }

    private static func database(_ text: String) throws(TransportError) -> Int {
        let digits = text.drop { $0 == "/" }
        if digits.isEmpty { return 0 }
        guard let number = Int(digits), number >= 0 else {
            // The path is not named: a password with a slash in it may have ended up there.
            throw TransportError(.invalidConfiguration, "the path of a Redis address must be the number of a database")
        }
        return number
    }
}
