internal import CeleryIO
internal import CeleryTransport

/// One RabbitMQ server as a URL names it: `amqp://user:password@host:port/virtual-host`.
///
/// Its description leaves the password out.
struct RabbitMQAddress: Sendable, Hashable, CustomStringConvertible {
    static let schemes = ["amqp", "pyamqp", "librabbitmq"]

    var user: String
    var password: String
    var host: String
    var port: Int
    var virtualHost: String
    /// The seconds between heartbeats to propose; 0 for none.
    var heartbeat = 60
    /// The seconds that connecting may take.
    var connectTimeout = 4

    /// Reads one URL. Absent parts are kombu's: `guest`, `guest`, `localhost`, 5672 and the virtual host `/`.
    init(_ text: String) throws(TransportError) {
        let url: ServerURL
        do throws(IOError) {
            url = try ServerURL(text)
        } catch {
            throw TransportError(.invalidConfiguration, error.description)
        }
        if url.scheme == "amqps" {
            throw TransportError(.invalidConfiguration, "\(url): TLS to RabbitMQ (amqps://) is not supported yet")
        }
        guard Self.schemes.contains(url.scheme) else {
            throw TransportError(.invalidConfiguration, "\(url) is no RabbitMQ URL; these begin with amqp://")
        }
        user = url.user ?? "guest"
        password = url.password ?? "guest"
        host = url.host.isEmpty ? "localhost" : url.host
        port = url.port ?? 5672
        virtualHost = url.path.isEmpty ? "/" : url.path
        for text in [user, password, virtualHost] where text.utf8.contains(0) {
            throw TransportError(.invalidConfiguration, "\(url): user, password and virtual host hold no zero bytes")
        }
        heartbeat = try Self.seconds("heartbeat", of: url) ?? heartbeat
        connectTimeout = try max(1, Self.seconds("connect_timeout", of: url) ?? connectTimeout)
    }

    private static func seconds(_ option: String, of url: ServerURL) throws(TransportError) -> Int? {
        guard let text = url.options[option] else { return nil }
        guard let number = Double(text), (0...Double(UInt16.max)).contains(number) else {
            throw TransportError(.invalidConfiguration, "\(url): \(option) must be a number of seconds")
        }
        return Int(number.rounded(.up))
    }

    var description: String {
        let shownHost = host.contains(":") ? "[\(host)]" : host
        return "amqp://\(user):**@\(shownHost):\(port)/\(virtualHost == "/" ? "" : virtualHost)"
    }
}
