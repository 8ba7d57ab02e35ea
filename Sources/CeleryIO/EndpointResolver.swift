/// Says where to connect, anew for every connection: the addresses of a list, or what somebody answers who knows which
/// server is the one at the moment.
package protocol EndpointResolver<Address>: Sendable {
    /// An ``Endpoint``, or one with what is needed to log in there.
    associatedtype Address: Sendable

    /// The addresses to try, in this order. May block the calling thread.
    func addresses() throws(IOError) -> [Address]
}

extension EndpointResolver {
    /// Connects to the first address that `connect` has success with.
    ///
    /// - Throws: the error of the address that was tried last.
    package func connectToFirst<Connection>(_ connect: (Address) throws -> Connection) throws -> Connection {
        var lastError: any Error = IOError(.invalidURL, "there is no address to connect to")
        for address in try addresses() {
            do {
                return try connect(address)
            } catch {
                lastError = error
            }
        }
        throw lastError
    }
}
