// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes
public import HTTPWire

extension FieldSection {
    /// The value of a field, or sets it, replacing all its lines; `nil` removes them.
    ///
    /// Bytes HTTP does not allow in a value (CR, LF, NUL, other controls) become spaces, as in
    /// `HTTPField`; use `append(name:value:)` where they should be an error.
    public subscript(_ name: HTTPField.Name) -> String? {
        get { self[name.rawName] }
        set {
            guard let newValue else {
                _ = remove(name: name.rawName)
                return
            }
            do {
                try set(name: name.rawName, value: newValue)
            } catch {
                // The name is a token already, so the value is at fault and legal once cleaned.
                try? set(name: name.rawName, value: HTTPField(name: name, value: newValue).value)
            }
        }
    }

    /// Adds a field line after those already there, with the same cleaning as the subscript.
    public mutating func append(_ name: HTTPField.Name, _ value: String) {
        do {
            try append(name: name.rawName, value: value)
        } catch {
            try? append(name: name.rawName, value: HTTPField(name: name, value: value).value)
        }
    }

    /// The same fields as swift-http-types' type.
    ///
    /// Allocates for each field.
    public var httpFields: HTTPFields {
        var fields = HTTPFields()
        fields.reserveCapacity(count)
        for index in 0..<count {
            guard let name = HTTPField.Name(name(at: index)) else { continue }
            fields.append(HTTPField(name: name, value: value(at: index)))
        }
        return fields
    }

    /// Makes a section from swift-http-types' fields, in their order.
    public init(_ fields: HTTPFields) {
        self.init()
        for field in fields { append(field.name, field.value) }
    }
}
