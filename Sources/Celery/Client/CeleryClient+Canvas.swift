package import CeleryProtocol

extension CeleryClient {
    /// Sends a canvas.
    ///
    /// - Returns: its results; `nil` for a chain without tasks.
    /// - Throws: as ``enqueue(_:options:)->TaskHandle<Output>``; `MessageError` for a canvas that cannot be sent.
    @discardableResult
    package func enqueue(_ canvas: CanvasNode) async throws -> ResultTree? {
        try await sender.send(canvas, parent: nil) { $0.result }
    }
}
