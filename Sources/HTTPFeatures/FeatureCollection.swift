// SPDX-License-Identifier: Apache-2.0

/// Gives a collection the features a server offers by default.
///
/// Loop-affine. A server implements it once for each of its request objects; the collection asks when
/// a feature is wanted that nobody has set.
public protocol FeatureDefaults: AnyObject {
    /// The server's own implementation of `type`, or `nil` where it offers none.
    ///
    /// - Parameter type: the feature protocol, such as `(any HTTPRequestFeature).self`.
    /// - Returns: an object that conforms to the protocol, as `Any`.
    func defaultFeature(_ type: Any.Type) -> Any?
}

/// The protocols a request or a server offers, found by their type.
///
/// Loop-affine: belongs to one request and is valid until its handler returns. Features every request
/// has stand in slots of their own and cost a load; any other is looked up by type. Whatever is set
/// replaces the server's default for this request alone, so that middleware may wrap or hide a feature:
///
/// ```swift
/// context.features[(any HTTPResponseBodyFeature).self] = CompressingBody(around: context.features.responseBody)
/// ```
public final class FeatureCollection {
    /// Counts the changes made to this collection; 0 while nothing but defaults is in it.
    public private(set) var revision = 0

    /// The request line and fields.
    public var request: (any HTTPRequestFeature)? { didSet { revision += 1 } }
    /// The request's content.
    public var requestBody: (any HTTPRequestBodyFeature)? { didSet { revision += 1 } }
    /// Status and fields of the response.
    public var response: (any HTTPResponseFeature)? { didSet { revision += 1 } }
    /// The response's content.
    public var responseBody: (any HTTPResponseBodyFeature)? { didSet { revision += 1 } }
    /// Abort and the notice that the client has gone.
    public var lifetime: (any HTTPRequestLifetimeFeature)? { didSet { revision += 1 } }
    /// Addresses of the connection.
    public var connection: (any HTTPConnectionFeature)? { didSet { revision += 1 } }

    /// An object an application keeps with this collection from request to request, such as its context.
    ///
    /// Servers reuse collections; an application that finds its own object here need not make another.
    public var reusable: AnyObject?

    private var defaults: (any FeatureDefaults)?
    private var others: [ObjectIdentifier: Any] = [:]
    private var hidden: Set<ObjectIdentifier> = []

    /// Makes a collection that falls back on `defaults`.
    ///
    /// - Parameter defaults: the server's features; kept strongly until `detach()`.
    public init(defaults: (any FeatureDefaults)? = nil) {
        self.defaults = defaults
    }

    /// Falls back on `defaults` from now on; kept strongly until `detach()`.
    ///
    /// For servers.
    public func use(defaults: any FeatureDefaults) { self.defaults = defaults }

    /// Finds or replaces the feature of a type.
    ///
    /// Setting `nil` hides the server's default. Cost: a dictionary look-up and a dynamic cast; the six
    /// features with properties of their own are cheaper through those.
    ///
    /// - Parameter type: the feature protocol.
    public subscript<Feature>(_ type: Feature.Type) -> Feature? {
        get {
            let key = ObjectIdentifier(type)
            if !others.isEmpty, let other = others[key] { return other as? Feature }
            if !hidden.isEmpty, hidden.contains(key) { return nil }
            if let slot = slot(type) { return slot as? Feature }
            return defaults?.defaultFeature(type) as? Feature
        }
        set {
            if setSlot(type, newValue) { return }
            revision += 1
            let key = ObjectIdentifier(type)
            others[key] = newValue
            if newValue == nil { hidden.insert(key) } else { hidden.remove(key) }
        }
    }

    /// Puts the server's defaults back in every slot and forgets what was set.
    ///
    /// Called by servers between requests. Cost: six stores when nothing was changed.
    public func reset<Features>(to features: Features)
    where
        Features: HTTPRequestFeature & HTTPRequestBodyFeature & HTTPResponseFeature & HTTPResponseBodyFeature
            & HTTPRequestLifetimeFeature & HTTPConnectionFeature
    {
        request = features
        requestBody = features
        response = features
        responseBody = features
        lifetime = features
        connection = features
        if !others.isEmpty { others.removeAll() }
        if !hidden.isEmpty { hidden.removeAll() }
        revision = 0
    }

    /// Lets go of the server's features, so that they and their collection can both be freed.
    ///
    /// Whoever still uses the collection meets a request that has ended: reads are empty, writes throw.
    public func detach() {
        reset(to: EndedRequest())
        defaults = nil
        reusable = nil
    }

    private func slot(_ type: Any.Type) -> Any? {
        if type == (any HTTPRequestFeature).self { return request }
        if type == (any HTTPRequestBodyFeature).self { return requestBody }
        if type == (any HTTPResponseFeature).self { return response }
        if type == (any HTTPResponseBodyFeature).self { return responseBody }
        if type == (any HTTPRequestLifetimeFeature).self { return lifetime }
        if type == (any HTTPConnectionFeature).self { return connection }
        return nil
    }

    private func setSlot(_ type: Any.Type, _ value: Any?) -> Bool {
        if type == (any HTTPRequestFeature).self {
            request = value as? any HTTPRequestFeature
        } else if type == (any HTTPRequestBodyFeature).self {
            requestBody = value as? any HTTPRequestBodyFeature
        } else if type == (any HTTPResponseFeature).self {
            response = value as? any HTTPResponseFeature
        } else if type == (any HTTPResponseBodyFeature).self {
            responseBody = value as? any HTTPResponseBodyFeature
        } else if type == (any HTTPRequestLifetimeFeature).self {
            lifetime = value as? any HTTPRequestLifetimeFeature
        } else if type == (any HTTPConnectionFeature).self {
            connection = value as? any HTTPConnectionFeature
        } else {
            return false
        }
        return true
    }
}
