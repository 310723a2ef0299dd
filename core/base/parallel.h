// InParallel: work in parts, done by this thread and by processors that have nothing else to do.
//
//   InParallel(groups.size(), [&](size_t i) { Encrypt(groups[i]); });
//
// Parts are begun in order, each once; returns when all are done. Nobody is waited for who has not
// come to help: where all processors are busy, or after a fork, the caller does all of it. Worth it
// for parts of some 100 microseconds and more. `work` must not throw.
//
// Thread safe; of several callers the first has the helpers.
#ifndef RECRYPT_CORE_BASE_PARALLEL_H_
#define RECRYPT_CORE_BASE_PARALLEL_H_

#include <cstddef>
#include <functional>

namespace recrypt {

void DoInParallel(size_t parts, const std::function<void(size_t)>& work);

template <typename Work>
void InParallel(size_t parts, const Work& work) {
  DoInParallel(parts, std::cref(work));  // a reference takes no memory
}

}  // namespace recrypt

#endif  // RECRYPT_CORE_BASE_PARALLEL_H_
