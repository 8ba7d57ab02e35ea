import CeleryIO
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite(.timeLimit(.minutes(1))) struct SocketTests {
    func read(_ pair: SocketPair, _ count: Int = 64) throws -> (Socket.Outcome, [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: count)
        let outcome = try buffer.withUnsafeMutableBytes { buffer throws(IOError) in try pair.socket.read(into: buffer) }
        guard case .bytes(let count) = outcome else { return (outcome, []) }
        return (outcome, Array(buffer.prefix(count)))
    }

    @Test func readingWaitsForNothing() throws {
        let pair = try SocketPair()
        #expect(try read(pair).0 == .wouldBlock)
        pair.send([1, 2, 3])
        #expect(try read(pair).1 == [1, 2, 3])
        #expect(try read(pair).0 == .wouldBlock)
    }

    @Test func readingTakesNoMoreThanThereIsRoomFor() throws {
        let pair = try SocketPair()
        pair.send([1, 2, 3, 4, 5])
        #expect(try read(pair, 2).1 == [1, 2])
        #expect(try read(pair, 10).1 == [3, 4, 5])
    }

    @Test func theEndIsSeenAfterWhatWasSentBefore() throws {
        let pair = try SocketPair()
        pair.send([9])
        pair.hangUp()
        #expect(try read(pair).1 == [9])
        #expect(try read(pair).0 == .endOfStream)
    }

    /// A signal would end this process.
    @Test func writingToAPeerThatIsGoneIsAnErrorAndNoSignal() throws {
        let pair = try SocketPair()
        pair.hangUp()
        var thrown: (any Error)?
        for _ in 0..<3 {
            do {
                _ = try [UInt8](repeating: 1, count: 100).withUnsafeBytes { try pair.socket.write($0) }
            } catch {
                thrown = error
            }
        }
        #expect((thrown as? IOError)?.code == .connectionLost)
    }

    @Test func writingTakesWhatThereIsRoomFor() throws {
        let pair = try SocketPair()
        let block = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        var sent = 0
        var outcome = Socket.Outcome.wouldBlock
        repeat {
            outcome = try block.withUnsafeBytes { bytes throws(IOError) in try pair.socket.write(bytes) }
            if case .bytes(let count) = outcome { sent += count }
        } while outcome != .wouldBlock
        #expect(sent > 0)
        #expect(pair.receive(sent).count == sent)
    }

    @Test func aPortWhereNobodyListensIsRefused() throws {
        let port = try LoopbackListener().port
        let error = #expect(throws: IOError.self) {
            _ = try Socket.connect(host: "127.0.0.1", port: port, timeout: .seconds(5)).descriptor
        }
        #expect(error?.code == .connectionFailed)
        #expect(error?.description.hasPrefix("cannot connect to 127.0.0.1:\(port): ") == true)
    }

    @Test func aListeningPortIsConnectedTo() throws {
        let listener = try LoopbackListener()
        defer { listener.end() }
        let socket = try Socket.connect(host: "127.0.0.1", port: listener.port, timeout: .seconds(5))
        #expect(fcntl(socket.descriptor, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(socket.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }

    @Test func aHostThatNobodyKnowsIsAnError() {
        let error = #expect(throws: IOError.self) {
            _ = try Socket.connect(host: "no such host", port: 1, timeout: .seconds(5)).descriptor
        }
        #expect(error?.code == .unknownHost)
    }

    @Test func aSocketPathThatIsTooLongOrMissingIsAnError() {
        let long = #expect(throws: IOError.self) {
            _ = try Socket.connect(path: "/" + String(repeating: "x", count: 200), timeout: .seconds(1)).descriptor
        }
        #expect(long?.code == .invalidURL)
        let missing = #expect(throws: IOError.self) {
            _ = try Socket.connect(path: "/nonexistent/socket", timeout: .seconds(1)).descriptor
        }
        #expect(missing?.code == .connectionFailed)
    }

    @Test func theDescriptorIsClosedWithItsValue() throws {
        let pair = try SocketPair.makeDescriptors()
        do { _ = Socket(adopting: pair[0]) }
        var byte: UInt8 = 0
        #expect(recv(pair[1], &byte, 1, 0) == 0)
        close(pair[1])
    }

    @Test func anAddressThatDoesNotAnswerLeavesTimeForTheOthers() {
        #expect(Socket.share(of: .seconds(9), among: 3) == .seconds(3))
        #expect(Socket.share(of: .seconds(4), among: 1) == .seconds(4))
        #expect(Socket.share(of: .seconds(-1), among: 2) == .zero)
    }
}
