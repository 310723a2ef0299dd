#include "tests/crash/support/store_log.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace recrypt {
namespace {

void Put(Bytes& out, uint64_t number) {
  uint8_t bytes[8];
  std::memcpy(bytes, &number, sizeof bytes);
  Append(out, ByteSpan(bytes));
}

void Put(Bytes& out, ByteSpan bytes) {
  Put(out, uint64_t{bytes.size()});
  Append(out, bytes);
}

// Takes what Put has put, from the front of `in`.
uint64_t TakeNumber(ByteSpan& in) {
  uint64_t number;
  if (in.size() < sizeof number) std::abort();
  std::memcpy(&number, in.data(), sizeof number);
  in = in.subspan(sizeof number);
  return number;
}

ByteSpan TakeBytes(ByteSpan& in) {
  const uint64_t size = TakeNumber(in);
  if (in.size() < size) std::abort();
  const ByteSpan bytes = in.first(size);
  in = in.subspan(size);
  return bytes;
}

}  // namespace

StoreLog::StoreLog()
    : file_(memfd_create("store", MFD_CLOEXEC)),
      count_(new (mmap(nullptr, sizeof(std::atomic<size_t>), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<size_t>(0)) {
  if (!file_ || fcntl(file_.get(), F_SETFL, O_APPEND) != 0) std::abort();
}

StoreLog::~StoreLog() { munmap(count_, sizeof *count_); }

void StoreLog::Append(const StoreOp& op) {
  Bytes out;
  Put(out, static_cast<uint64_t>(op.kind));
  for (const uint64_t number : {op.inode, op.directory, op.to_directory, op.number}) {
    Put(out, number);
  }
  Put(out, AsBytes(op.name));
  Put(out, AsBytes(op.to_name));
  Put(out, ByteSpan(op.data));
  for (size_t done = 0; done < out.size();) {
    const ssize_t put = write(file_.get(), &out[done], out.size() - done);
    if (put <= 0) std::abort();
    done += static_cast<size_t>(put);
  }
  ++*count_;
}

std::vector<StoreOp> StoreLog::Read() const {
  struct stat st;
  if (fstat(file_.get(), &st) != 0) std::abort();
  Bytes all(static_cast<size_t>(st.st_size));
  for (size_t done = 0; done < all.size();) {
    const ssize_t got = pread(file_.get(), &all[done], all.size() - done, static_cast<off_t>(done));
    if (got <= 0) std::abort();
    done += static_cast<size_t>(got);
  }
  std::vector<StoreOp> ops;
  for (ByteSpan in = all; !in.empty();) {
    StoreOp op;
    op.kind = static_cast<OpKind>(TakeNumber(in));
    for (uint64_t* number : {&op.inode, &op.directory, &op.to_directory, &op.number}) {
      *number = TakeNumber(in);
    }
    op.name = AsText(TakeBytes(in));
    op.to_name = AsText(TakeBytes(in));
    const ByteSpan data = TakeBytes(in);
    op.data.assign(data.begin(), data.end());
    ops.push_back(std::move(op));
  }
  return ops;
}

}  // namespace recrypt
