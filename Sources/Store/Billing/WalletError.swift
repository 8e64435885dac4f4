/// Why nothing was changed in a wallet.
public enum WalletError: Error, Hashable, CustomStringConvertible {
    case unknown(tenant: String)
    /// The name of a top-up was used for another amount before.
    case referenceReused(reference: String, tokens: Int)

    public var description: String {
        switch self {
        case .unknown(let tenant):
            "tenant `\(tenant)` has no wallet and is not billed; its first top-up makes one: campaignd wallet top-up"
        case .referenceReused(let reference, let tokens):
            "the reference `\(reference)` stands for a top-up of \(tokens) tokens already; give this one another reference"
        }
    }
}
