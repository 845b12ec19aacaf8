module github.com/tcretry/tcretry/tools

go 1.25.0

replace github.com/tcretry/tcretry => ../
