extension StringProtocol {
    /// The text without the space around it.
    func trimmingSpace() -> String {
        var text = drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
