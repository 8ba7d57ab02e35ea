public import CeleryTransport

/// Redis as Celery's result backend.
public struct RedisResultBackend: ResultBackend {
    private let address: Result<RedisAddress, TransportError>
    private let expires: Int

    /// The backend at `redis://…`; see ``RedisBroker`` for the address.
    ///
    /// - Parameter expires: after how many seconds a result goes away (`result_expires`); `nil` for never. The
    ///   default is Celery's one day.
    public init(_ url: String, expires: Int? = 86400) {
        address = Result { () throws(TransportError) in try RedisAddress(url) }
        self.expires = max(expires ?? 0, 0)
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
        RedisResultStore(try address.get(), expires: expires, logger: context.logger)
    }
}

extension ResultBackend where Self == RedisResultBackend {
    /// Redis at this address; see ``RedisResultBackend``.
    public static func redis(_ url: String, expires: Int? = 86400) -> RedisResultBackend {
        RedisResultBackend(url, expires: expires)
    }
}
