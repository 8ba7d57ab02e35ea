/// Columns of text, as wide as their widest cell.
struct TextTable {
    /// Whether a column's texts stand at its right end.
    private let isNumeric: [Bool]
    private(set) var rows: [[String]] = []

    /// - Parameter columns: their titles, and whether they hold numbers.
    init(_ columns: [(title: String, isNumeric: Bool)]) {
        isNumeric = columns.map(\.isNumeric)
        rows = [columns.map(\.title)]
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    var lines: [String] {
        let widths = isNumeric.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                if column > 0 { line += "  " }
                line += Self.padded(text, widths[column], atRight: isNumeric[column])
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// A text filled up with spaces.
    static func padded(_ text: String, _ width: Int, atRight: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - text.count))
        return atRight ? spaces + text : text + spaces
    }
}
