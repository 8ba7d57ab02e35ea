import Testing

@testable import CeleryRedis

@Suite struct OutputBufferTests {
    @Test func whatIsAppendedIsTakenTogether() {
        var buffer = OutputBuffer()
        #expect(buffer.isEmpty)
        buffer.append([1, 2])
        buffer.append([3])
        #expect(!buffer.isEmpty)
        #expect(buffer.take() == ([1, 2, 3], 0))
        #expect(buffer.isEmpty)
    }

    @Test func whatIsGivenBackIsNextAndBeginsWhereItWasLeft() {
        var buffer = OutputBuffer()
        buffer.append([1, 2, 3])
        let (bytes, _) = buffer.take()
        buffer.append([4])
        buffer.giveBack(bytes, position: 2)
        #expect(buffer.take() == ([1, 2, 3], 2))
        #expect(!buffer.isEmpty)
        #expect(buffer.take() == ([4], 0))
        #expect(buffer.isEmpty)
    }
}
