// The instantiations that libc++'s <fstream> declares `extern template`, absent from a library configured without
// file system (cxx/include/fstream).
#include <fstream>

template class std::basic_filebuf<char>;
template class std::basic_ifstream<char>;
template class std::basic_ofstream<char>;
