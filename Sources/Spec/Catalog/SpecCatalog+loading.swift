public import Foundation
internal import Synchronization
internal import YAML

extension SpecCatalog {
    /// A file that was read already.
    public struct SourceFile: Sendable {
        /// The path that diagnostics show.
        public let path: String
        /// The folder below the root, or `nil` for a file that lies in none.
        public let tenant: String?
        public let bytes: [UInt8]

        /// Makes a file.
        public init(path: String, tenant: String?, bytes: [UInt8]) {
            (self.path, self.tenant, self.bytes) = (path, tenant, bytes)
        }
    }

    /// Reads all `.yaml` and `.yml` files in the tenant folders of a directory; blocks while it reads.
    ///
    /// - Parameters:
    ///   - directory: The folder that holds a folder for each tenant.
    ///   - now: What schedules are compared with: one can be over, or fire at a change of the clock.
    /// - Returns: Everything that could be read, with what is wrong.
    public static func load(directory: String, now: Date = Date()) -> SpecCatalog {
        var problems: [Diagnostic] = []
        let files = SpecFiles.find(in: directory, sink: &problems)
        let loader = Mutex((catalog: CatalogLoader(now: now, files: files.count), problems: problems))
        // A file is much work, so that few of them keep the cores from ending at nearly the same time.
        files.parallelMap(by: 8) { file -> SpecFileReading? in
            SpecFiles.bytes(of: file.path, limit: YAMLLimits().bytes).map {
                SpecFileReading(SourceFile(path: file.path, tenant: file.tenant, bytes: $0))
            }
        } inOrder: { file, reading in
            loader.withLock { loader in
                if let reading { return loader.catalog.add(reading) }
                let message = "cannot read the file"
                let place = SourcePlace(file: file.path)
                loader.problems.append(
                    Diagnostic(.unreadableFile, at: place, message, help: "check its permissions")
                )
            }
        }
        return loader.withLock { $0.catalog.finish(with: $0.problems) }
    }

    /// Reads files that are in memory; `now` is what schedules are compared with.
    public static func load(files: [SourceFile], now: Date = Date()) -> SpecCatalog {
        let loader = Mutex(CatalogLoader(now: now, files: files.count))
        let sorted = files.sorted { $0.path < $1.path }
        sorted.parallelMap(by: 8, SpecFileReading.init) { _, reading in loader.withLock { $0.add(reading) } }
        return loader.withLock { $0.finish(with: []) }
    }
}
