// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPSecure

/// Does a step on a thread of its own and waits until it is done.
func runOnThread(_ step: TLSOffloadedStep) {
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
        step.perform()
        done.signal()
    }
    done.wait()
}
