// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRingService

/// Reads the configuration file, and says on standard error what is wrong with it.
enum ConfigurationFile {
    /// Reads a file; the standard one may be missing.
    ///
    /// - Parameter path: the file.
    /// - Returns: the configuration.
    /// - Throws: the exit code 78 where it is wrong.
    static func read(_ path: String) throws -> ServiceConfiguration {
        do {
            guard let bytes = try LinuxStateFiles().read(path) else {
                if path == HTTPRingDaemon.standardFile { return ServiceConfiguration() }
                HTTPRingDaemon.log(
                    "error: there is no file \(path). 'httpringd --print-configuration' prints one to begin with."
                )
                throw ExitCode(78)
            }
            return try ServiceConfiguration.parse(bytes, file: path)
        } catch let error as ConfigurationError {
            for problem in error.problems { HTTPRingDaemon.log("error: \(problem)") }
            throw ExitCode(78)
        } catch let error as StateFileError {
            HTTPRingDaemon.log("error: \(error)")
            throw ExitCode(78)
        }
    }
}
