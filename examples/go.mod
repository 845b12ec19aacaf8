module github.com/tcretry/tcretry/examples

go 1.25.0

// The examples show the library of this checkout.
replace github.com/tcretry/tcretry => ../
