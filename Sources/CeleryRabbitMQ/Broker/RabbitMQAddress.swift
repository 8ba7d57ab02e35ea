internal import CeleryIO
internal import CeleryProtocol
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
    ///
    /// - Parameter transportOptions: those of `broker_transport_options`; they count more than those of the address.
    init(_ text: String, transportOptions: [String: String] = [:]) throws(TransportError) {
        let url: ServerURL
        do throws(IOError) {
            url = try ServerURL(text)
        } catch {
            throw TransportError(.invalidConfiguration, error.description)
        }
        if url.scheme == "amqps" {
            throw TransportError(.invalidConfiguration, "TLS to RabbitMQ (amqps://) is not supported yet")
        }
        guard Self.schemes.contains(url.scheme) else {
            throw TransportError(.invalidConfiguration, "\(url.scheme):// is no RabbitMQ URL; these begin with amqp://")
        }
        user = url.user ?? "guest"
        password = url.password ?? "guest"
        host = url.host.isEmpty ? "localhost" : url.host
        port = url.port ?? 5672
        virtualHost = url.path.isEmpty ? "/" : url.path
        for text in [user, password, virtualHost] where text.utf8.contains(0) {
            throw TransportError(.invalidConfiguration, "\(url): user, password and virtual host hold no zero bytes")
        }
        var options = AddressOptions(url.options.merging(transportOptions) { $1 }, of: url.description)
        heartbeat = try Self.takeSeconds("heartbeat", from: &options) ?? heartbeat
        connectTimeout = try max(1, Self.takeSeconds("connect_timeout", from: &options) ?? connectTimeout)
        // What is so anyway.
        try options.expect("login_method", "PLAIN")
        try options.expect("confirm_publish", "true")
        try options.expect("insist", "false")
        try options.refuseRest(known: Self.known, of: .rabbitMQ)
    }

    private static func takeSeconds(
        _ name: String, from options: inout AddressOptions
    ) throws(TransportError) -> Int? {
        try options.takeDuration(name, allowingZero: true, upTo: .seconds(UInt16.max)).map {
            Int($0.inSeconds.rounded(.up))
        }
    }

    /// What kombu and py-amqp know beside, in the address or as transport options.
    private static let known: Set<String> = [
        "alternates", "authentication", "channel_max", "client_properties", "connect_retries_timeout",
        "credential_provider", "errback", "failover_strategy", "frame_handler", "frame_max", "frame_writer", "host",
        "hostname", "interval_max", "interval_start", "interval_step", "locale", "login_response", "max_retries",
        "on_blocked", "on_open", "on_tune_ok", "on_unblocked", "password", "port", "read_timeout", "socket_settings",
        "transport", "transport_options", "uri_prefix", "userid", "virtual_host", "write_timeout",
    ]

    var description: String {
        let shownHost = host.contains(":") ? "[\(host)]" : ServerURL.encode(host)
        let shownPath = virtualHost == "/" ? "" : ServerURL.encode(virtualHost, keeping: "/")
        return "amqp://\(ServerURL.encode(user)):**@\(shownHost):\(port)/\(shownPath)"
    }
}
