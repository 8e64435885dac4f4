import Dispatch
import Glibc
import JSON
import Spec
public import Store

/// The source of the rows of an import.
public enum ContactSource: Sendable {
    /// A CSV file.
    case file(String)
    /// The rows of a query, as CSV.
    case query(ContactQuery)

    /// The name in messages.
    public var name: String {
        switch self {
        case .file(let path): path
        case .query: "the query"
        }
    }
}

/// CSV text, chunk by chunk.
private protocol CSVChunks: Sendable {
    /// Size of the text in bytes; `nil` if it is not known.
    var size: Int? { get }
    /// Returns the next chunk; `nil` at the end.
    func next() async throws -> [UInt8]?
}

/// The valid rows of a contacts file in batches, read and checked chunk by chunk.
///
/// It is its own iterator and can be iterated once; problems of rows are in ``report``.
final class ContactFileBatches: AsyncSequence, AsyncIteratorProtocol {
    let header: ContactHeader
    private(set) var report = ImportReport()
    private(set) var progress: ImportProgress
    private let chunks: any CSVChunks
    /// The file for refused rows; `nil` drops them.
    private let refused: RefusedRows?
    private let onProgress: (ImportProgress) -> Void
    private var decoder: UTF16Decoder
    private var reader: CSVReader
    private var checker: ContactRowChecker
    private var nextNumber = 1
    private var hasBytesToParse = true
    private var isAtEnd: Bool

    /// Opens the source and reads its header.
    ///
    /// - Throws: ``ContactImportError``
    init(
        source: ContactSource,
        options: ContactImportOptions = ContactImportOptions(),
        onProgress: @escaping (ImportProgress) -> Void
    ) async throws {
        let file = source.name
        let chunks: any CSVChunks =
            switch source {
            case .file(let path): try FileChunks(file: path)
            case .query(let query): QueryChunks(query: query)
            }
        var decoder = UTF16Decoder()
        var reader = CSVReader()
        var progress = ImportProgress(totalBytes: chunks.size)
        var isAtEnd = false
        var event = CSVReader.Event.needsBytes
        while event == .needsBytes, !isAtEnd {
            if let bytes = try await chunks.next() {
                progress.bytesRead += bytes.count
                reader.append(decoder.utf8(of: bytes))
            } else {
                isAtEnd = true
            }
            event = reader.next(isLast: isAtEnd)
        }
        switch event {
        case .record: header = try ContactHeader(reader.record, file: file, names: options.columns)
        case .malformed(_, let message): throw ContactImportError.header(file: file, problems: [message])
        case .needsBytes: throw ContactImportError.empty(file: file)
        }
        self.chunks = chunks
        refused = try options.refused.map { (path) throws(ContactImportError) in
            try RefusedRows(file: path, header: reader.record)
        }
        self.decoder = decoder
        self.reader = reader
        self.progress = progress
        self.isAtEnd = isAtEnd
        self.onProgress = onProgress
        checker = ContactRowChecker(header: header, options: options)
    }

    func makeAsyncIterator() -> ContactFileBatches { self }

    func next() async throws -> ContactImportBatch? {
        while hasBytesToParse {
            try Task.checkCancellation()
            let batch = parse()
            try await refused?.write()
            if isAtEnd {
                hasBytesToParse = false
            } else if let bytes = try await chunks.next() {
                progress.bytesRead += bytes.count
                reader.append(decoder.utf8(of: bytes))
            } else {
                isAtEnd = true
            }
            progress.rows += batch.count
            onProgress(progress)
            if batch.count > 0 { return batch }
        }
        return nil
    }

    /// Checks all records that have been read completely.
    private func parse() -> ContactImportBatch {
        var batch = ContactImportBatch(firstNumber: nextNumber, capacity: 300 * 1024)
        while true {
            switch reader.next(isLast: isAtEnd) {
            case .record:
                checker.add(reader.record, to: &batch)
                if !checker.problems.isEmpty {
                    report.reject(checker.problems)
                    refused?.add(reader.record, isWindows1252: checker.isWindows1252, checker.problems)
                }
                if let warning = checker.warning { report.warn(warning) }
                report.isWindows1252 = checker.isWindows1252
            case .malformed(let line, let message):
                let problem = RowProblem(line: line, column: nil, message: message)
                report.reject([problem])
                refused?.add(line: reader.malformedLine, problem)
            case .needsBytes:
                nextNumber = batch.endNumber
                return batch
            }
        }
    }
}

/// The bytes of a file in chunks, read on a queue of its own.
///
/// A slow disk or pipe never blocks Swift's cooperative pool, and one chunk is in memory at a time.
private final class FileChunks: CSVChunks {
    /// Size of the file in bytes; `nil` for a pipe.
    let size: Int?
    private let file: String
    private let descriptor: Int32
    private let queue = DispatchQueue(label: "contacts.file")
    private static let chunk = 256 * 1024

    /// Opens the file.
    ///
    /// - Throws: ``ContactImportError/unreadable(file:reason:)``
    init(file: String) throws(ContactImportError) {
        self.file = file
        descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error(file) }
        guard !Self.isFolder(file) else {
            close(descriptor)
            throw .unreadable(file: file, reason: "it is a folder")
        }
        // Pipes have no end, and devices have the end 0.
        let end = lseek(descriptor, 0, SEEK_END)
        size = end > 0 ? Int(end) : nil
        if end > 0 { lseek(descriptor, 0, SEEK_SET) }
    }

    /// Uses `open`, because the fields of `stat` belong to another module once SwiftNIO is imported.
    private static func isFolder(_ file: String) -> Bool {
        let folder = open(file, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        if folder >= 0 { close(folder) }
        return folder >= 0
    }

    deinit { close(descriptor) }

    /// Returns the next chunk; `nil` at the end of the file.
    func next() async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.read() }) }
        }
    }

    private func read() throws(ContactImportError) -> [UInt8]? {
        var (count, code): (Int, Int32) = (0, 0)
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, initialized in
            repeat {
                count = Glibc.read(descriptor, buffer.baseAddress, Self.chunk)
                code = errno
            } while count < 0 && code == EINTR
            initialized = max(0, count)
        }
        guard count >= 0 else { throw .unreadable(file: file, reason: String(cString: strerror(code))) }
        return count == 0 ? nil : bytes
    }

    private static func error(_ file: String) -> ContactImportError {
        .unreadable(file: file, reason: String(cString: strerror(errno)))
    }
}

/// The rows of a query as CSV text; the first line has the names of the columns.
private actor QueryChunks: CSVChunks {
    nonisolated let size: Int? = nil
    private let query: ContactQuery
    private var names: [String]?

    init(query: ContactQuery) {
        self.query = query
    }

    func next() async throws -> [UInt8]? {
        let rows = try await query.next()
        var text: [UInt8] = []
        if names == nil {
            // A query without rows has no names, and nothing to import.
            let names = rows.first.flatMap(\.objectValue)?.keys.sorted() ?? [ContactColumn.contactId.rawValue]
            self.names = names
            CSVText.append(names.map { Array($0.utf8) }, to: &text)
        } else if rows.isEmpty {
            return nil
        }
        for row in rows { CSVText.append((names ?? []).map { Self.cell(row[$0]) }, to: &text) }
        return text
    }

    /// Returns a value as a cell of a file has it.
    private static func cell(_ value: JSONValue?) -> [UInt8] {
        switch value {
        case nil, .null: []
        case .string(let text): Array(text.utf8)
        case .array(let items):
            Array(items.map { String(decoding: cell($0), as: UTF8.self) }.joined(separator: "|").utf8)
        case .some(let value): Array(value.canonicalText.utf8)
        }
    }
}
