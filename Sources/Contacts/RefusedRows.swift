import Dispatch
import Foundation

/// The rows of an import that were refused, in a CSV file of the same columns, so that they can be mended and imported.
///
/// A column more says why. Imports leave that column out, so the mended file needs no other change.
final class RefusedRows {
    /// The name of the column with the reasons.
    static let column = "refusal"

    private let file: String
    private let handle: FileHandle
    private let queue = DispatchQueue(label: "contacts.refused")
    private let width: Int
    /// The field with the former reasons, in a file that was mended in part.
    private let former: Int?
    private var text: [UInt8] = []

    /// Makes the file, for its owner only, or empties it.
    ///
    /// - Parameters:
    ///   - file: The path of the file.
    ///   - header: The first line of the imported file.
    /// - Throws: ``ContactImportError/unwritable(file:reason:)``
    init(file: String, header: CSVRecord) throws(ContactImportError) {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unwritable(file: file, reason: String(cString: strerror(errno))) }
        self.file = file
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var cells = (0..<header.count).map { index in
            header[index].isUTF8 ? Array(header[index]) : Windows1252.utf8(of: header[index])
        }
        former = cells.firstIndex { $0[...].trimmed.elementsEqual(Self.column.utf8) }
        if let former { cells.remove(at: former) }
        width = cells.count
        CSVText.append(cells + [Array(Self.column.utf8)], to: &text)
    }

    /// Adds a record with its problems.
    func add(_ record: CSVRecord, isWindows1252: Bool, _ problems: [RowProblem]) {
        let cells = (0..<record.count).filter { $0 != former }.map { index in
            isWindows1252 ? Windows1252.utf8(of: record[index]) : Array(record[index])
        }
        add(cells, problems)
    }

    /// Adds a line that is no record.
    func add(line: [UInt8], _ problem: RowProblem) {
        add([line], [problem])
    }

    private func add(_ cells: [[UInt8]], _ problems: [RowProblem]) {
        let missing = [[UInt8]](repeating: [], count: max(0, width - cells.count))
        let reason = problems.map { ($0.column.map { "\($0): " } ?? "") + $0.message }.joined(separator: "; ")
        CSVText.append(cells + missing + [Array(reason.utf8)], to: &text)
    }

    /// Writes what was added.
    ///
    /// - Throws: ``ContactImportError/unwritable(file:reason:)``
    func write() async throws {
        guard !text.isEmpty else { return }
        let (data, handle, file) = (Data(text), handle, file)
        text = []
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            queue.async {
                continuation.resume(
                    with: Result {
                        do {
                            try handle.write(contentsOf: data)
                        } catch {
                            throw ContactImportError.unwritable(file: file, reason: error.localizedDescription)
                        }
                    }
                )
            }
        }
    }
}

/// CSV text with all cells in quotes.
enum CSVText {
    static func append(_ cells: [[UInt8]], to text: inout [UInt8]) {
        let quote = UInt8(ascii: "\"")
        for (index, cell) in cells.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.append(quote)
            for byte in cell {
                if byte == quote { text.append(quote) }
                text.append(byte)
            }
            text.append(quote)
        }
        text.append(UInt8(ascii: "\n"))
    }
}
