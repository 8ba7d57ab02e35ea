import CeleryIO
import TestSupport
import Testing

@Suite struct EndpointTests {
    private struct Refusal: Error, Equatable { let address: Int }

    @Test func theFirstAddressThatAnswersIsTaken() throws {
        var tried: [Int] = []
        let connected = try FixedEndpoints([1, 2, 3]).connectToFirst { address in
            tried.append(address)
            if address == 1 { throw Refusal(address: address) }
            return "connected to \(address)"
        }
        #expect(connected == "connected to 2")
        #expect(tried == [1, 2])
    }

    @Test func theLastRefusalIsThrown() {
        #expect(throws: Refusal(address: 2)) {
            try FixedEndpoints([1, 2]).connectToFirst { throw Refusal(address: $0) }
        }
    }

    @Test func withoutAnAddressThereIsNoConnection() {
        let error = #expect(throws: IOError.self) { try FixedEndpoints<Int>([]).connectToFirst { $0 } }
        #expect(error?.code == .invalidURL)
    }

    @Test func endpointsAreWrittenAsPeopleWriteThem() {
        #expect(Endpoint.tcp(host: "h", port: 5672).description == "h:5672")
        #expect(Endpoint.tcp(host: "::1", port: 5672).description == "[::1]:5672")
        #expect(Endpoint.unixSocket(path: "/run/redis").description == "/run/redis")
    }

    @Test func aStreamReadsAndWritesItsSocket() throws {
        let listener = try LoopbackListener()
        defer { listener.end() }
        let stream = PlainStream(try Endpoint.tcp(host: "127.0.0.1", port: listener.port).connect(timeout: .seconds(5)))
        #expect(stream.descriptor >= 0)
        let written = try [1, 2, 3].withUnsafeBytes { bytes throws(IOError) in try stream.write(bytes) }
        #expect(written == .bytes(24))
        var buffer: [UInt8] = [0]
        let read = try buffer.withUnsafeMutableBytes { buffer throws(IOError) in try stream.read(into: buffer) }
        #expect(read == .wouldBlock)
    }
}
