/// The values of one execution in the layout that libpq takes: pointers, lengths and formats.
struct BoundArguments {
    /// All values one after the other, each followed by the NUL that text needs.
    private var bytes: [UInt8] = []
    /// The offset of each value; `nil` is NULL.
    private var starts: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    /// No values.
    static let none = BoundArguments()

    private init() {}

    init(_ query: PostgresQuery) throws(PostgresError) {
        if let fault = query.fault { throw .encoding(fault) }
        guard query.binds.count <= Int(UInt16.max) else {
            throw .encoding("\(query.binds.count) parameters, but Postgres takes at most 65535; bind an array instead")
        }
        for (index, bind) in query.binds.enumerated() {
            switch bind.storage {
            case .null: append(nil, isBinary: false)
            case .text(let value): append(value, isBinary: false)
            case .binary(let value): append(value, isBinary: true)
            case .invalid(let reason): throw .encoding("parameter $\(index + 1): \(reason)")
            }
        }
    }

    private mutating func append(_ value: [UInt8]?, isBinary: Bool) {
        starts.append(value == nil ? nil : bytes.count)
        lengths.append(Int32(clamping: value?.count ?? 0))
        formats.append(isBinary ? 1 : 0)
        if let value {
            bytes += value
            bytes.append(0)
        }
    }

    /// Calls `body` with count, values, lengths and formats; the pointers are valid only inside.
    func withPointers<Result>(
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        unsafe bytes.withUnsafeBytes { bytes in
            let base = bytes.baseAddress
            let values: [UnsafePointer<CChar>?] = unsafe starts.map { start in
                unsafe start.flatMap { unsafe base?.advanced(by: $0).assumingMemoryBound(to: CChar.self) }
            }
            return unsafe values.withUnsafeBufferPointer { values in
                unsafe lengths.withUnsafeBufferPointer { lengths in
                    unsafe formats.withUnsafeBufferPointer { formats in
                        unsafe body(
                            Int32(values.count),
                            values.baseAddress,
                            lengths.baseAddress,
                            formats.baseAddress
                        )
                    }
                }
            }
        }
    }
}
