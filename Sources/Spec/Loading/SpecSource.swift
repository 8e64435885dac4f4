internal import Synchronization
internal import YAML

/// A file that specs come from.
///
/// What its documents looked like is asked only where something is reported, so they are read once more then, rather
/// than kept for all files.
final class SpecSource: Sendable {
    let path: String
    private let bytes: [UInt8]
    private let documents = Mutex<[YAMLNode]?>(nil)

    init(path: String, bytes: [UInt8]) {
        (self.path, self.bytes) = (path, bytes)
    }

    /// One of the documents that could be read.
    func document(_ position: Int) -> YAMLNode {
        documents.withLock { documents in
            let all = documents ?? YAMLReader().read(bytes).documents
            documents = all
            return all[position]
        }
    }
}
