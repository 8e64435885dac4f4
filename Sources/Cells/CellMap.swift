import Spelling

/// Which cell holds which tenant.
public struct CellMap: Hashable, Sendable {
    /// The cells in the order of the file; at least one.
    public let cells: [Cell]

    /// The one cell of an installation without a file.
    public static let single = CellMap()

    private init() { cells = [.only] }

    /// Makes a map.
    ///
    /// - Throws: ``CellFileError`` if two cells have a name, a schema or a part of Redis in common, or if a tenant could be in
    ///   two.
    init(_ cells: [Cell]) throws(CellFileError) {
        var problems: [CellFileError.Problem] = []
        for (index, cell) in cells.enumerated() {
            for other in cells[..<index] { problems += Self.conflicts(of: cell, with: other) }
        }
        guard problems.isEmpty else { throw CellFileError(problems: problems) }
        self.cells = cells
    }

    /// True if there is more than one cell.
    public var isDivided: Bool { cells.count > 1 }

    /// Returns the cell of a tenant.
    ///
    /// - Throws: ``CellLookupError`` if no cell holds it.
    public func cell(of tenant: String) throws(CellLookupError) -> Cell {
        let named = cells.first { cell in cell.tenants.contains { !$0.isRest && $0.matches(tenant) } }
        guard let cell = named ?? cells.first(where: { $0.tenants.contains(where: \.isRest) }) else {
            throw .tenant(tenant)
        }
        return cell
    }

    /// Returns the cell with a name.
    ///
    /// - Throws: ``CellLookupError`` if there is none.
    public func cell(named name: String) throws(CellLookupError) -> Cell {
        guard let cell = cells.first(where: { $0.name == name }) else {
            throw .name(name, known: cells.map(\.name))
        }
        return cell
    }

    /// Returns the cell with a name, for work on some tenants.
    ///
    /// - Throws: ``CellLookupError`` if there is none, or if a tenant lies in another one.
    public func cell(named name: String, for tenants: some Sequence<String>) throws(CellLookupError) -> Cell {
        let named = try cell(named: name)
        for tenant in tenants {
            let own = try cell(of: tenant)
            guard own == named else { throw .elsewhere(tenant: tenant, cell: own.name, named: name) }
        }
        return named
    }

    /// Returns the cell of some tenants, for work that is done in one transaction.
    ///
    /// - Parameter tenants: The tenants; none if the work concerns all of them.
    /// - Returns: The cell.
    /// - Throws: ``CellLookupError`` if there is no cell with all of them, and no other.
    public func cell(ofAll tenants: some Sequence<String>) throws(CellLookupError) -> Cell {
        var groups: [(cell: Cell, tenants: [String])] = []
        for tenant in Set(tenants).sorted() {
            let cell = try cell(of: tenant)
            if let index = groups.firstIndex(where: { $0.cell == cell }) {
                groups[index].tenants.append(tenant)
            } else {
                groups.append((cell, [tenant]))
            }
        }
        guard groups.count <= 1 else {
            throw .several(groups.map { ($0.cell.name, $0.tenants) }.map(CellLookupError.Group.init))
        }
        if let group = groups.first { return group.cell }
        guard !isDivided else { throw .undecided(cells.map(\.name)) }
        return cells[0]
    }

    private static func conflicts(of cell: Cell, with other: Cell) -> [CellFileError.Problem] {
        var problems: [CellFileError.Problem] = []
        if cell.name == other.name {
            problems.append(
                .init(line: cell.line, "the name `\(cell.name)` is that of the cell in line \(other.line), too")
            )
        }
        if let one = cell.servers, let two = other.servers {
            if one.database.text == two.database.text, one.schemaName == two.schemaName {
                let text =
                    "`\(cell.name)` has the database and schema of `\(other.name)` (line \(two.database.line)); "
                    + "give it a schema of its own"
                problems.append(.init(line: one.database.line, text))
            }
            if one.redis?.text == two.redis?.text, (one.prefix?.text ?? "") == (two.prefix?.text ?? "") {
                let text =
                    "`\(cell.name)` has the keys in Redis of `\(other.name)` (line \(other.line)); give it a prefix "
                    + "of its own"
                problems.append(.init(line: (one.redis ?? one.prefix)?.line ?? cell.line, text))
            }
        }
        for pattern in cell.tenants {
            for second in other.tenants where pattern.isRest == second.isRest && pattern.overlaps(second) {
                let what =
                    pattern.text == second.text
                    ? "`\(pattern)` is" : "a tenant can be `\(pattern)` and `\(second)`, so it is"
                let text = "\(what) in two cells: here in `\(cell.name)`, and in `\(other.name)` (line \(second.line))"
                problems.append(.init(line: pattern.line, text))
            }
        }
        return problems
    }
}

/// A tenant or a name that leads to no cell, or not to one alone.
public enum CellLookupError: Error, Hashable, CustomStringConvertible {
    /// Tenants that lie in one cell.
    public struct Group: Hashable, Sendable {
        let cell: String
        let tenants: [String]

        init(_ cell: String, _ tenants: [String]) {
            (self.cell, self.tenants) = (cell, tenants)
        }
    }

    case tenant(String)
    case name(String, known: [String])
    /// A tenant of another cell than the one that was named.
    case elsewhere(tenant: String, cell: String, named: String)
    case several([Group])
    case undecided([String])

    public var description: String {
        switch self {
        case .tenant(let tenant):
            return "no cell holds the tenant `\(tenant)`; add it to the tenants of a cell in CELLS_FILE"
        case .name(let name, let known):
            let help = SpellingSuggestion.help(for: name, among: known, what: "there are")
            return "no cell `\(name)`" + (help.map { "; " + $0 } ?? "")
        case .elsewhere(let tenant, let cell, let named):
            return
                "the tenant `\(tenant)` lies in the cell `\(cell)`, not in `\(named)`; give --cell \(cell), or leave it out"
        case .several(let groups):
            let list = groups.map { "\($0.cell) (\(Self.shortened($0.tenants)))" }.joined(separator: ", ")
            return "the tenants lie in several cells: \(list); each is done on its own: give --cell or --tenant"
        case .undecided(let names):
            return "there are several cells, \(names.joined(separator: ", ")); give --cell or --tenant"
        }
    }

    private static func shortened(_ tenants: [String]) -> String {
        let most = 5
        let list = tenants.prefix(most).joined(separator: ", ")
        return tenants.count > most ? "\(list) and \(tenants.count - most) more" : list
    }
}
