import Store

/// A contacts file as batches of good rows, read, parsed and checked piece by piece.
///
/// It is its own iterator and can be walked once; what is wrong with rows is in ``report``.
final class ContactFileBatches: AsyncSequence, AsyncIteratorProtocol {
    let header: ContactHeader
    private(set) var report = ImportReport()
    private(set) var progress: ImportProgress
    private let chunks: FileChunks
    private let onProgress: (ImportProgress) -> Void
    private var reader: CSVReader
    private var checker: ContactRowChecker
    private var nextNumber = 1
    private var hasBytesToParse = true
    private var isAtEnd: Bool

    /// Opens the file and reads its header.
    ///
    /// - Throws: ``ContactImportError``
    init(file: String, onProgress: @escaping (ImportProgress) -> Void) async throws {
        let chunks = try FileChunks(file: file)
        var reader = CSVReader()
        var progress = ImportProgress(totalBytes: chunks.size)
        var isAtEnd = false
        var event = CSVReader.Event.needsBytes
        while event == .needsBytes, !isAtEnd {
            if let bytes = try await chunks.next() {
                progress.bytesRead += bytes.count
                reader.append(bytes)
            } else {
                isAtEnd = true
            }
            event = reader.next(isLast: isAtEnd)
        }
        switch event {
        case .record: header = try ContactHeader(reader.record, file: file)
        case .malformed(_, let message): throw ContactImportError.header(file: file, problems: [message])
        case .needsBytes: throw ContactImportError.empty(file: file)
        }
        self.chunks = chunks
        self.reader = reader
        self.progress = progress
        self.isAtEnd = isAtEnd
        self.onProgress = onProgress
        checker = ContactRowChecker(header: header)
    }

    func makeAsyncIterator() -> ContactFileBatches { self }

    func next() async throws -> ContactImportBatch? {
        while hasBytesToParse {
            try Task.checkCancellation()
            let batch = parse()
            if isAtEnd {
                hasBytesToParse = false
            } else if let bytes = try await chunks.next() {
                progress.bytesRead += bytes.count
                reader.append(bytes)
            } else {
                isAtEnd = true
            }
            progress.rows += batch.count
            onProgress(progress)
            if batch.count > 0 { return batch }
        }
        return nil
    }

    /// Checks all records that the reader has bytes for.
    private func parse() -> ContactImportBatch {
        var batch = ContactImportBatch(firstNumber: nextNumber, capacity: 300 * 1024)
        while true {
            switch reader.next(isLast: isAtEnd) {
            case .record:
                checker.add(reader.record, to: &batch)
                if !checker.problems.isEmpty { report.reject(checker.problems) }
            case .malformed(let line, let message):
                report.reject([RowProblem(line: line, column: nil, message: message)])
            case .needsBytes:
                nextNumber = batch.endNumber
                return batch
            }
        }
    }
}
