public import CeleryTransport

/// Redis as Celery's result backend.
public struct RedisResultBackend: ResultBackend {
    private let address: Result<RedisAddress, TransportError>
    /// In seconds; 0 for never.
    private let expires: Int
    private let chords: ChordOptions

    /// The backend at `redis://[user[:password]@]host[:port][/database]` or
    /// `redis+socket://[user:password@]/path?virtual_host=database`.
    ///
    /// The address may have options of redis-py: `db`, `username`, `password`, `host` and `port`, which count more than
    /// what stands before the question mark, `socket_connect_timeout` (10), `socket_timeout` (20) and
    /// `health_check_interval` (25) in seconds, `client_name`. Every other one is refused by name, unless it asks for what
    /// is so anyway. An address that makes no sense is reported when the store is made.
    ///
    /// - Parameters:
    ///   - url: the address, in one of the two forms.
    ///   - expires: after how long a result goes away (`result_expires`); `nil` and zero for never. The default is
    ///     Celery's one day. Redis keeps whole seconds: parts of them are cut off, but for those of the first.
    ///   - chords: how chords are joined.
    public init(_ url: String, expires: Duration? = .seconds(86_400), chords: ChordOptions = ChordOptions()) {
        address = Result { () throws(TransportError) in try RedisAddress(url, role: .backend) }
        self.expires = Self.seconds(expires)
        self.chords = chords
    }

    /// A life in whole seconds; 0 for no end.
    static func seconds(_ life: Duration?) -> Int {
        life.map { $0 > .zero ? max(1, Int(clamping: $0.components.seconds)) : 0 } ?? 0
    }

    /// The address without its password.
    public var location: String {
        switch address {
        case .success(let address): address.description
        case .failure(let error): error.message
        }
    }

    /// Makes the store; it connects when it is first used.
    public func makeResultStore(context: ResultStoreContext) throws -> any ResultStore {
        RedisResultStore(try address.get(), expires: expires, chords: chords, logger: context.logger)
    }
}

extension ResultBackend where Self == RedisResultBackend {
    /// Redis at this address; see ``RedisResultBackend``.
    public static func redis(
        _ url: String, expires: Duration? = .seconds(86_400), chords: ChordOptions = ChordOptions()
    ) -> RedisResultBackend {
        RedisResultBackend(url, expires: expires, chords: chords)
    }
}
