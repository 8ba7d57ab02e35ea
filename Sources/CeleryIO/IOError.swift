#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A failure of a socket, of the operating system or of a server's address.
package struct IOError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    package enum Code: Sendable {
        /// The address of the server makes no sense.
        case invalidURL
        /// The host name is not known.
        case unknownHost
        /// No connection could be made.
        case connectionFailed
        /// The connection was there and is lost.
        case connectionLost
        /// It took longer than allowed.
        case timedOut
        /// The operating system refused something.
        case system
    }

    package let code: Code
    /// One line that says what went wrong, without credentials.
    package let description: String

    package init(_ code: Code, _ message: String, errno number: Int32? = nil) {
        self.code = code
        description = number.map { "\(message): \(String(cString: strerror($0)))" } ?? message
    }
}
