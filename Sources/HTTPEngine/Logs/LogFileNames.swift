// SPDX-License-Identifier: Apache-2.0

/// How the files of one log are named: a stem, a number, `.log`.
///
/// **Shape**: by size the number counts from 1 (`httperr1.log`); by day it is `YYMMDD`, by hour `YYMMDDhh`, so
/// that numbers always grow with time. **Source**: HTTP Server API, `HTTP_LOGGING_ROLLOVER_TYPE`.
struct LogFileNames {
    let stem: String
    /// The exact count of digits, or nil where numbers are as long as they are.
    let digitCount: Int?

    /// The names of a log that begins files by `rotation`.
    init(numberedStem: String, datedStem: String, rotation: LogRotation) {
        switch rotation {
        case .size: (stem, digitCount) = (numberedStem, nil)
        case .daily: (stem, digitCount) = (datedStem, 6)
        case .hourly: (stem, digitCount) = (datedStem, 8)
        }
    }

    /// The names of the error log: `httperr`, `ht`.
    static func errors(_ rotation: LogRotation) -> LogFileNames {
        LogFileNames(numberedStem: "httperr", datedStem: "ht", rotation: rotation)
    }

    /// The names of an access log: `extend`, `ex` for W3C; `ncsa`, `nc` for the others.
    static func accesses(_ format: AccessLogFormat, _ rotation: LogRotation) -> LogFileNames {
        format == .w3c
            ? LogFileNames(numberedStem: "extend", datedStem: "ex", rotation: rotation)
            : LogFileNames(numberedStem: "ncsa", datedStem: "nc", rotation: rotation)
    }

    /// The name of the file with this number.
    func name(_ number: Int) -> String {
        let digits = String(number)
        return stem + String(repeating: "0", count: max(0, (digitCount ?? 0) - digits.count)) + digits
            + ".log"
    }

    /// The number in `name`, or nil where the name is not one of ours.
    func number(in name: String) -> Int? {
        guard name.hasPrefix(stem) && name.hasSuffix(".log") else { return nil }
        let digits = name.dropFirst(stem.count).dropLast(4)
        let isOurs = digits.utf8.allSatisfy { 0x30...0x39 ~= $0 } && (1...15).contains(digits.count)
        guard isOurs, let number = Int(digits), self.name(number) == name else { return nil }
        return number
    }

    /// The number of the dated file that `time` belongs in.
    func number(at time: LogTimestamp) -> Int {
        let day = (time.year % 100 * 100 + Int(time.month)) * 100 + Int(time.day)
        return digitCount == 8 ? day * 100 + Int(time.hour) : day
    }
}
