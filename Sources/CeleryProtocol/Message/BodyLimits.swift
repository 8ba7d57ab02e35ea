/// How large the body of a message may be.
package struct BodyLimits: Sendable, Hashable {
    /// How many bytes it may have, decompressed if it was compressed.
    package var size: Int
    /// How many bytes of memory its values may take, besides the texts of strings and keys.
    package var memory: Int

    package init(
        size: Int = TaskPayload.defaultMaximumBodySize, memory: Int = TaskPayload.defaultMaximumBodyMemory
    ) {
        self.size = size
        self.memory = memory
    }
}
