// Debian's libzmq (with libsodium below its CURVE) is not built for ThreadSanitizer, and hands messages
// between threads with atomics it cannot see: every message looks like a race. Reports without a frame of
// these two stay.
extern "C" const char* __tsan_default_suppressions() {
  return "race:libzmq.so\ncalled_from_lib:libzmq.so\nrace:libsodium.so\ncalled_from_lib:libsodium.so\n";
}
